"""A template's rehearsal: instances of a made-up function live and end in it before the user's module is imported.

A fork's private memory is the pages it writes. What has run before writes fewer: its bytecode is specialised, its
attribute look-ups are cached, its libraries' pages are mapped. It runs no user's code and leaves nothing open.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from functions_framework import control, exits, instrument, loader, settings
from functions_framework.program import Program
from functions_framework.serving import instance
from functions_framework.templates import child, footprint, privatepages

_ROUNDS = 12  # CPython 3.11 specialises a function from its ninth call on, and what it calls a little later
_SECONDS = 5.0
_GONE_WITHIN = 1.0
_REQUEST = b"POST /rehearsal HTTP/1.1\r\nhost: rehearsal\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}"
_WORDS: Mapping[str, str] = {"message": "rehearsed"}


class _MissedError(Exception):
    """The made-up function did not answer as it should."""


def _plain(_request: object) -> Mapping[str, str]:
    return _WORDS


async def _async(_request: object) -> Mapping[str, str]:
    return _WORDS


def rehearse(folder: Path) -> str:
    """Let made-up instances serve and end; returns why it was cut short, empty when it was not.

    Args:
        folder: where the made-up node's socket may be made for the time being.

    Raises:
        StartError: TemplateFailed, when it left a thread or an open descriptor behind.
    """
    # The first loop of a process opens a pipe that libuv keeps; its own fork handler replaces it in a child.
    instance.new_loop().close()
    before = footprint.take()
    source = instrument.Source({}, folder)
    programs = [loader.compose([("rehearsal", call)], source, environ={}) for call in (_plain, _async)]
    missed = ""
    try:
        for _ in range(_ROUNDS):
            for program in programs:
                _perform(program, folder / "rehearsal")
    except (_MissedError, OSError, RuntimeError) as error:
        missed = f"{type(error).__name__}: {error}"
    left = footprint.grown(before, footprint.take_when_quiet(_GONE_WITHIN))
    if left:
        raise exits.StartError("TemplateFailed", f"the rehearsal left {left} behind; report this as a bug")
    return missed


def _perform(program: Program, node: Path) -> None:
    kept = dict(os.environ)
    spec = control.ForkSpec("rehearsal", "127.0.0.1", 0, env=kept, control=str(node))
    environ = child.environment(spec)
    child.apply_environment(environ)
    chosen = replace(settings.instance_settings(environ), grace=0.0, settle=0.0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    audience = _Audience(node)
    try:
        instance.serve(program, chosen, listening=audience.enter)
    finally:
        child.apply_environment(kept)
        audience.leave()
        for number, handler in handlers.items():  # a closed loop leaves its own there
            signal.signal(number, handler)
    if not audience.answer.startswith(b"HTTP/1.1 200 "):
        raise _MissedError(f"the made-up function answered {audience.answer[:80]!r}")


class _Audience:
    """The client and the node of one made-up instance: a request, then the order to stop."""

    def __init__(self, node: Path) -> None:
        self.answer = b""
        self._path = node
        self._node = socket.socket(socket.AF_UNIX)
        self._client = socket.socket()
        self._line: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._node.bind(str(node))
        self._node.listen(1)

    def enter(self, port: int) -> None:
        """Send the request; called on the instance's loop when it listens."""
        loop = self._loop = asyncio.get_running_loop()
        loop.call_later(_SECONDS, loop.stop)
        self._client.connect(("127.0.0.1", port))  # the kernel accepts at once
        self._client.sendall(_REQUEST)
        loop.add_reader(self._client, self._answered)
        loop.add_reader(self._node, self._joined)

    def _answered(self) -> None:
        self.answer = self._client.recv(1 << 16) or b"nothing"
        self._dismiss(self._client)

    def _joined(self) -> None:
        self._line, _ = self._node.accept()
        self._dismiss(self._node)

    def _dismiss(self, heard: socket.socket) -> None:
        if self._loop is not None:
            self._loop.remove_reader(heard)
        if self.answer and self._line is not None:
            privatepages.give_back(self._loop)
            self._line.sendall(control.encode(control.stop()))

    def leave(self) -> None:
        """Close everything, the loop included, and wait for the threads."""
        for held in (self._client, self._node, self._line):
            if held is not None:
                held.close()
        self._path.unlink()
        if self._loop is not None:
            self._loop.close()
        # A new policy, or a module that asks for the current loop at its import would be refused.
        asyncio.set_event_loop_policy(None)
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(_SECONDS)
