"""The command line: `functions-framework`, `ff` and `python -m functions_framework`.

It only reads flags, loads the function and hands over; errors end in one line on stderr.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from functions_framework import exits, flags, notices, settings
from functions_framework.connections import page
from functions_framework.serving import ending, guard, listeners

if TYPE_CHECKING:
    from functions_framework.program import Program

_TOLD = (
    "FUNCTION_TARGET",
    "FUNCTION_SIGNATURE_TYPE",
    "FUNCTION_USE_ASGI",
)  # a function may look, as with Google's


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one function until SIGTERM; the process ends with a code of exits.EXIT_CODES."""
    gc.disable()  # what modules make at their import is no garbage, and to look at all of it takes long
    notices.ensure_streams()
    options = flags.read(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(options)
    except exits.StartError as error:
        exits.tell(error)
        ending.end(error.code)
    except KeyboardInterrupt:
        ending.end(128 + signal.SIGINT)  # asked for: a traceback would say nothing
    ending.end(code)


tell: Callable[[exits.StartError], None] = exits.tell


def line_buffered() -> None:
    """A log file sees each printed line at once, as a terminal does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test may have put something else there
            stream.reconfigure(line_buffering=True)


def _run(options: flags.Flags) -> int:
    environ = _environment(options, os.environ)
    os.environ.update({name: environ[name] for name in _TOLD if name in environ})
    function_settings = settings.function_settings(environ)
    instance_settings = settings.instance_settings(environ)
    line_buffered()
    if options.debug:
        os.environ["PYTHONASYNCIODEBUG"] = "1"
    if options.check:
        # A user's own, and once: one is there for callers and for each input, and some are for the sidecar alone.
        own = {each.name: each.signature for each in _load(function_settings).functions if each.written}
        for name, signature in own.items():
            print(f"functions_framework: {name} is a {signature} function", file=sys.stderr)
        return 0
    if options.describe:
        with contextlib.redirect_stdout(sys.stderr):  # what the user's file prints is no part of the document
            program = _load(function_settings)
        from functions_framework import contract  # noqa: PLC0415  # for this flag alone

        print(contract.text(program, options.describe))
        return 0
    return _serve(lambda: _load(function_settings), instance_settings, debug=options.debug)


def _load(chosen: settings.FunctionSettings) -> Program:
    # In the process that serves: the guard stays small and forks early.
    from functions_framework import loader  # noqa: PLC0415

    gc.freeze()  # the framework's own; the user's file is imported as anywhere else
    gc.enable()
    return loader.load(chosen)


def _serve(load: Callable[[], Program], chosen: settings.InstanceSettings, *, debug: bool) -> int:
    """Serve behind a guard, or in this process where one is not wanted; gives the exit code."""
    alone = debug or not chosen.guard or bool(chosen.control) or not hasattr(os, "fork")
    if alone and chosen.workers == 1:
        from functions_framework.serving import instance  # noqa: PLC0415  # as in _load

        program = load()
        listener = listeners.of(chosen, os.environ)
        try:
            instance.serve(program, chosen, listener=listener, listening=lambda _: _greet(listener))
        finally:
            listeners.remove(listener, chosen.unix_socket)
        return 0
    return _guard(load, chosen)


def _guard(load: Callable[[], Program], chosen: settings.InstanceSettings) -> int:
    try:
        listener = listeners.of(chosen, os.environ)
    except exits.StartError:
        load()  # what is wrong with the file is the more useful word
        raise

    def become(shared: page.Page, line: socket.socket) -> NoReturn:
        gc.disable()  # as in main
        from functions_framework.serving import worker  # noqa: PLC0415  # as in _load

        worker.become(load, chosen, listener, worker.Tie(shared, line))

    # Connections queue from now on; that one may connect is said when a worker takes them.
    parent = guard.Guard(listener, become, count=chosen.workers, timeout=chosen.timeout, grace=chosen.grace)
    gc.enable()
    try:
        return parent.run(listening=lambda: _greet(listener))
    finally:
        listeners.remove(listener, chosen.unix_socket)


def _greet(listener: socket.socket) -> None:
    notices.tell(f"listening on {listeners.address(listener)}")


def _environment(options: flags.Flags, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the flags laid over it."""
    told = {
        "FUNCTION_TARGET": options.target,
        "FUNCTION_SOURCE": options.source,
        "FUNCTION_SIGNATURE_TYPE": options.signature_type,
        "FUNCTION_USE_ASGI": "1" if options.asgi else None,
        "HOST": options.host,
        "PORT": options.port,
        "OFN_UNIX_SOCKET": options.unix_socket,
        "OFN_FD": options.fd,
        "OFN_WORKERS": options.workers,
    }
    return {**environ, **{name: value for name, value in told.items() if value is not None}}
