"""Answers in the place of a worker that hangs with the interpreter lock held: 504 to what had begun, 503 to the rest.

It takes duplicates of the worker's connections (pidfd_getfd of Linux 5.6); where that is refused it says so, and
the callers see their connections end.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from functions_framework import response
from functions_framework.connections import page
from functions_framework.response import Answer

_GETFD = 438  # the same number on every architecture
_PIECE = 64 << 10
_LOST = "The function hung, and the process with it."
_BUSY = response.plain(503, "The process hung and is replaced.", lines=b"retry-after: 1\r\n")


class RefusedError(OSError):
    """This system lets no process take the descriptors of another."""


def connections(pid: int, own: object) -> list[tuple[int, socket.socket]]:
    """Descriptor in the worker and duplicate here of every connection to its server.

    Args:
        pid: the worker, a child of this process.
        own: the address its server is bound to.

    Raises:
        RefusedError: descriptors cannot be taken.
    """
    if not hasattr(os, "pidfd_open"):
        raise RefusedError("this system has no pidfd_open")
    process = os.pidfd_open(pid)
    try:
        return [
            (number, taken)
            for number in _sockets(pid)
            if (taken := _accepted(_taken(process, number), own)) is not None
        ]
    finally:
        os.close(process)


def answer(taken: socket.socket, waits_for: int, timeout: float) -> bool:
    """Answer what waits on this connection and end it; False where nothing waited."""
    said = _said(taken, waits_for, timeout)
    try:
        if said is not None:
            taken.send(_whole(said))
        taken.shutdown(socket.SHUT_WR)
        while taken.recv(_PIECE):  # what is left unread would reset the connection before the answer is read
            continue
    except BlockingIOError:
        return said is not None
    except OSError:
        return False  # the client was first
    return said is not None


def refuse_queued(listener: socket.socket) -> list[socket.socket]:
    """Answer 503 to every connection that nobody has accepted."""
    refused: list[socket.socket] = []
    while True:
        try:
            waiting, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return refused
        waiting.settimeout(0)
        answer(waiting, page.REST, 0.0)
        refused.append(waiting)


def _said(taken: socket.socket, waits_for: int, timeout: float) -> Answer | None:
    if waits_for == page.ANSWER:
        return response.plain(504, f"{_LOST} It did not answer within {timeout:g} seconds.")
    if waits_for == page.REST or (waits_for == page.NOTHING and _has_unread(taken)):
        return _BUSY
    return None


def _has_unread(taken: socket.socket) -> bool:
    try:
        return bool(taken.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def _whole(said: Answer) -> bytes:
    status, lines, body = said
    return b"%b%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        response.STATUS_LINES[status], lines, len(body), body,
    )  # fmt: skip


def _sockets(pid: int) -> Iterator[int]:
    folder = Path(f"/proc/{pid}/fd")
    try:
        names = list(folder.iterdir())
    except OSError as error:
        raise RefusedError(f"{folder} cannot be read: {error.strerror}") from error
    for name in names:
        try:
            if str(name.readlink()).startswith("socket:"):
                yield int(name.name)
        except OSError:
            continue  # closed since


def _taken(process: int, number: int) -> socket.socket | None:
    call = ctypes.CDLL(None, use_errno=True).syscall
    descriptor = call(_GETFD, process, number, 0)
    if descriptor >= 0:
        return socket.socket(fileno=descriptor)
    code = ctypes.get_errno()
    if code in {9, 3}:  # EBADF, ESRCH: closed since
        return None
    raise RefusedError(f"pidfd_getfd: {os.strerror(code)}")


def _accepted(taken: socket.socket | None, own: object) -> socket.socket | None:
    """The socket, when it is an accepted connection of this server; else closed."""
    if taken is None:
        return None
    try:
        taken.getpeername()
        local = taken.getsockname()
        if taken.type == socket.SOCK_STREAM and _same(local, own):
            taken.settimeout(0)  # shared with the worker, whose loop has it so anyway
            return taken
    except OSError:
        pass  # a listener, or nothing that is connected
    taken.close()
    return None


def _same(local: object, own: object) -> bool:
    """The same port, or the same path; the host of a server is often the wildcard."""
    if isinstance(local, tuple) and isinstance(own, tuple):
        return bool(local[1] == own[1])
    return bool(local) and local == own
