"""The flags of the command line, read without argparse where nothing is wrong with them.

argparse and its messages take some ten milliseconds to load; whoever asks for help, abbreviates or mistypes gets
it, and the two agree on everything else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from functions_framework import settings
from functions_framework.registry import SIGNATURES

if TYPE_CHECKING:
    import argparse

    from functions_framework.contract import Kind

_VALUED: Mapping[str, str] = {
    "--target": "target", "--source": "source", "--signature-type": "signature_type", "--host": "host",
    "--port": "port", "--unix-socket": "unix_socket", "--fd": "fd", "--workers": "workers",
}  # fmt: skip
_SWITCHES: Mapping[str, str] = {
    "--asgi": "asgi",
    "--debug": "debug",
    "--check": "check",
    "--dry-run": "check",
}
_KINDS: tuple[Kind, ...] = ("openapi", "asyncapi", "schema")  # contract.KINDS, which the guard does not load
_EXAMPLE = "example: functions-framework --source main.py --target hello --port 8080"


class Flags:
    """What was said; None and False where nothing was."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.target: str | None = None
        self.source: str | None = None
        self.signature_type: str | None = None
        self.host: str | None = None
        self.port: str | None = None
        self.unix_socket: str | None = None
        self.fd: str | None = None
        self.workers: str | None = None
        self.describe: Kind | None = None
        self.asgi: bool = False
        self.debug: bool = settings.switch(environ, "DEBUG")
        self.check: bool = settings.switch(environ, "DRY_RUN")


def read(words: Sequence[str], environ: Mapping[str, str] = os.environ) -> Flags:
    """Read the words after the command's name; help and mistakes end the process as argparse does."""
    return quick(words, environ) or parser().parse_args(words, namespace=Flags(environ))


def quick(words: Sequence[str], environ: Mapping[str, str]) -> Flags | None:
    """The flags when each is written out and has its value; None when they are argparse's to judge."""
    flags = Flags(environ)
    waiting = iter(words)
    for word in waiting:
        name, mark, value = word.partition("=")
        if word in _SWITCHES:
            setattr(flags, _SWITCHES[word], True)
        elif name in _VALUED:
            given = value if mark else next(waiting, "-")
            if not mark and given.startswith("-"):
                return None  # the value is missing, or a negative number
            setattr(flags, _VALUED[name], given)
        else:
            return None
    return flags


def parser() -> argparse.ArgumentParser:
    """The parser of all flags, with their help."""
    import argparse  # noqa: PLC0415  # as said at the top

    parser = argparse.ArgumentParser(
        prog="functions-framework", description="Serve one Python function over HTTP.", epilog=_EXAMPLE
    )
    parser.add_argument(
        "--target",
        help="the function's name (FUNCTION_TARGET; default: every decorated one, else the one called function)",
    )
    parser.add_argument("--source", help="the file that holds it (FUNCTION_SOURCE; default: main.py)")
    parser.add_argument(
        "--signature-type",
        help=f"{', '.join(SIGNATURES)}; of a function without decorator (FUNCTION_SIGNATURE_TYPE; default: http)",
    )
    parser.add_argument("--host", help="address to listen on (HOST; default: 0.0.0.0)")
    parser.add_argument("--port", help="port to listen on (PORT; default: 8080)")
    parser.add_argument("--unix-socket", help="path to listen at, not at host and port (OFN_UNIX_SOCKET)")
    parser.add_argument("--fd", help="descriptor of an inherited socket to listen on (OFN_FD, LISTEN_FDS)")
    parser.add_argument("--workers", help="processes that share the socket (OFN_WORKERS; default: 1)")
    parser.add_argument(
        "--asgi",
        action="store_true",
        help="HTTP functions get Starlette's request, declared by aio or not (FUNCTION_USE_ASGI)",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        help="asyncio's debug mode, in one process so that a debugger has the terminal (DEBUG)",
    )
    parser.add_argument(
        "--check", "--dry-run", action="store_true",
        help="load the function, say what it is, and end (DRY_RUN)",
    )  # fmt: skip
    parser.add_argument(
        "--describe", nargs="?", const="openapi", choices=_KINDS,
        help="print the function's contract, as OpenAPI, AsyncAPI or JSON Schema, and end (default: openapi)",
    )  # fmt: skip
    return parser
