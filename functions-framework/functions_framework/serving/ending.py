"""The end of a process that served: exit handlers and flushes, and nobody is waited for.

It decides no exit code.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import NoReturn

from functions_framework import exits


def end(code: int) -> NoReturn:
    """End this process now: exit handlers and flushes run, threads that hang are not waited for."""
    try:
        atexit._run_exitfuncs()  # noqa: SLF001  # sys.exit would wait for threads first
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = (
            code or exits.EXIT_CODES["InstanceFailed"]
        )  # the log cannot be written; nobody can be told more
    finally:
        os._exit(code)
