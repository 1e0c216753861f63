"""`openfunction-builder build`: one build in a pod or a terminal.

The request comes from OFN_BUILD_REQUEST or a file, the log goes to standard output, the result to the termination log.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from openfunction_builder import deadline, lifecycle, log, reasons, request, result


def main(arguments: Sequence[str] | None = None) -> None:
    """Build and exit: 0, or the code of the failure's reason (reasons.EXIT_CODES)."""
    options = _parser().parse_args(arguments)
    try:
        asked = request.BuildRequest.from_json(_text(options.request))
    except ValueError as error:
        found = _failed("BuildFailed", f"the build request cannot be read: {error}")
    else:
        found = _build(asked)
    if place := os.environ.get("OFN_TERMINATION_LOG"):
        Path(place).write_text(found.to_json())
    sys.exit(reasons.EXIT_CODES[found.reason] if found.reason else 0)


def _text(file: str | None) -> str:
    if file is None:
        return os.environ.get("OFN_BUILD_REQUEST", "")
    try:
        return Path(file).read_text()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error


def _build(asked: request.BuildRequest) -> result.BuildResult:
    try:
        with deadline.guarded(asked.timeout_seconds):
            return lifecycle.build(asked)
    except deadline.EndedError as error:
        return _failed(error.reason, error.message)


def _failed(reason: str, message: str) -> result.BuildResult:
    log.say(f"ERROR {reason}: {message}")
    return result.BuildResult(reason=reason, message=message)


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
