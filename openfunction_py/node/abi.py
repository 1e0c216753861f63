"""The binary interface of this node's interpreter, as images name the one they were built for.

It tells only about the interpreter that instances are started with.
"""

from __future__ import annotations

import platform
import sys


def current() -> str:
    """For example cp311-linux-x86_64."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{version}-{sys.platform}-{platform.machine()}"
