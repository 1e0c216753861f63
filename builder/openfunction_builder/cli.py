"""`openfunction-builder build`: one build in a pod or a terminal.

The request comes from OFN_BUILD_REQUEST or a file, the log goes to standard output, the result to the termination log.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from openfunction_builder import lifecycle, reasons, request, result


def main(arguments: Sequence[str] | None = None) -> None:
    """Build and exit: 0, or the code of the failure's reason (reasons.EXIT_CODES)."""
    options = _parser().parse_args(arguments)
    text = Path(options.request).read_text() if options.request else os.environ.get("OFN_BUILD_REQUEST", "")
    try:
        asked = request.BuildRequest.from_json(text)
    except ValueError as error:
        found = result.BuildResult(reason="BuildFailed", message=f"the build request cannot be read: {error}")
    else:
        _end_after(asked.timeout_seconds)
        found = lifecycle.build(asked)
    _finish(found)


def _finish(found: result.BuildResult) -> None:
    """Leave the result where the pod's status takes it from."""
    if place := os.environ.get("OFN_TERMINATION_LOG"):
        Path(place).write_text(found.to_json())
    sys.exit(reasons.EXIT_CODES[found.reason] if found.reason else 0)


def _end_after(seconds: float) -> None:
    """A build that takes too long ends with all its children."""
    if seconds <= 0:
        return
    if os.getpgrp() != os.getpid():
        os.setpgrp()

    def end() -> None:
        found = result.BuildResult(
            reason="BuildTimeout", message=f"the build took longer than {seconds:.0f} s"
        )
        if place := os.environ.get("OFN_TERMINATION_LOG"):
            Path(place).write_text(found.to_json())
        os.killpg(os.getpgrp(), signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openfunction-builder", description="Build a function's source into an image."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what a request says")
    build.add_argument("--request", help="file with the request as JSON (default: OFN_BUILD_REQUEST)")
    return parser


if __name__ == "__main__":
    main()
