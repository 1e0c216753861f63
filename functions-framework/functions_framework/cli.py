"""The command line: `functions-framework`, `ff` and `python -m functions_framework`.

It only reads flags, loads the function and hands over; errors end in one line on stderr.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence

from functions_framework import exits, instance, loader, settings

_EXAMPLE = "example: functions-framework --source main.py --target hello --port 8080"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one function until SIGTERM; the process ends with a code of exits.EXIT_CODES."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except exits.StartError as error:
        tell(error)
        instance.end(error.code)
    instance.end(0)


def tell(error: exits.StartError) -> None:
    """Print the one line of a start error, after the traceback of the user's code where that helps."""
    cause = error.__cause__
    if error.reason == "ImportFailed" and cause is not None:
        traceback.print_exception(cause, file=sys.stderr)
    print(error.line, file=sys.stderr, flush=True)


def line_buffered() -> None:
    """A log file sees each printed line at once, as a terminal does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test may have put something else there
            stream.reconfigure(line_buffering=True)


def _run(options: argparse.Namespace) -> None:
    environ = _environment(options, os.environ)
    function_settings = settings.function_settings(environ)
    instance_settings = settings.instance_settings(environ)
    line_buffered()
    if options.debug:
        os.environ["PYTHONASYNCIODEBUG"] = "1"
    program = loader.load(function_settings)
    if options.check:
        for function in program.functions:
            print(f"functions_framework: {function.name} is a {function.signature} function", file=sys.stderr)
        return
    instance.serve(program, instance_settings, listening=lambda port: _greet(instance_settings.host, port))


def _greet(host: str, port: int) -> None:
    print(f"functions_framework: listening on http://{host}:{port}", file=sys.stderr, flush=True)


def _environment(options: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the flags laid over it."""
    flags = {
        "FUNCTION_TARGET": options.target,
        "FUNCTION_SOURCE": options.source,
        "FUNCTION_SIGNATURE_TYPE": options.signature_type,
        "HOST": options.host,
        "PORT": options.port,
    }
    return {**environ, **{name: value for name, value in flags.items() if value is not None}}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="functions-framework", description="Serve one Python function over HTTP.", epilog=_EXAMPLE
    )
    parser.add_argument("--target", help="the function's name (FUNCTION_TARGET; default: function)")
    parser.add_argument("--source", help="the file that holds it (FUNCTION_SOURCE; default: main.py)")
    parser.add_argument(
        "--signature-type",
        help="http or cloudevent, for a function without decorator (FUNCTION_SIGNATURE_TYPE)",
    )
    parser.add_argument("--host", help="address to listen on (HOST; default: 0.0.0.0)")
    parser.add_argument("--port", help="port to listen on (PORT; default: 8080)")
    parser.add_argument(
        "--debug",
        action="store_true",
        default=bool(os.environ.get("DEBUG")),
        help="asyncio's debug mode (DEBUG)",
    )
    parser.add_argument(
        "--check", "--dry-run", action="store_true", default=bool(os.environ.get("DRY_RUN")),
        help="load the function, say what it is, and end (DRY_RUN)",
    )  # fmt: skip
    return parser
