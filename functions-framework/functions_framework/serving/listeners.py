"""The socket an instance listens on: given by a parent, at a path, or bound to host and port; and one for its sidecar.

It accepts nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
from collections.abc import MutableMapping

from functions_framework import exits, notices
from functions_framework.settings import InstanceSettings

_FIRST_GIVEN = 3  # systemd's SD_LISTEN_FDS_START
_LONGEST = 107 if sys.platform == "linux" else 103  # bytes of a Unix socket's path


def of(settings: InstanceSettings, environ: MutableMapping[str, str]) -> socket.socket:
    """The socket that flags and environment choose; LISTEN_* are taken out of the environment.

    Raises:
        StartError: AddressInUse, or InvalidSetting for a descriptor that is no listening socket.
    """
    given = _given(environ)
    if settings.fd >= 0:
        return _inherited(settings.fd)
    if settings.unix_socket:
        return at_path(settings.unix_socket)
    if given:
        return _inherited(_FIRST_GIVEN)
    return bind(settings.host, settings.port)


def bind(host: str, port: int) -> socket.socket:
    """A bound socket of this address; raises StartError AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise exits.StartError(
            "AddressInUse",
            f"{host}:{port} cannot be bound ({error.strerror}); choose another with --host and --port",
        ) from error
    listener.settimeout(0)
    return listener


def at_path(path: str) -> socket.socket:
    """A Unix socket bound to a path, in the place of one that nobody serves; raises StartError AddressInUse."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_room(path)
        listener.bind(path)
    except OSError as error:
        listener.close()
        raise exits.StartError(
            "AddressInUse", f"{path} cannot be bound ({error}); choose another with --unix-socket"
        ) from error
    listener.settimeout(0)
    return listener


def remove(listener: socket.socket, path: str) -> None:
    """Take the path of a Unix socket away after its last use."""
    listener.close()
    if path:
        _unlink(path)


class Beside:
    """A second listener of one process, at a path that it takes over from whoever served there before.

    The path appears once connections queue there, so whoever sees it can connect.
    """

    def __init__(self, path: str) -> None:
        """Raises OSError."""
        if len(os.fsencode(path)) > _LONGEST:
            raise OSError(f"a socket's path has no more than {_LONGEST} bytes")
        self.socket: socket.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path = path
        early = os.path.join(os.path.dirname(path), str(os.getpid()))
        try:
            _unlink(early)
            self.socket.bind(early)
            self.socket.listen()
            os.replace(early, path)
            self._own = os.lstat(path).st_ino
        except OSError:
            self.socket.close()
            _unlink(early)
            raise
        self.socket.settimeout(0)

    def remove(self) -> None:
        """Take the path away, unless another has taken it over."""
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(self._path).st_ino == self._own:
                os.unlink(self._path)


def beside(settings: InstanceSettings) -> Beside | None:
    """The listener for a sidecar of ours; None where none is wanted, or none can be had, which is no error.

    A sidecar has one connection, which would reach one of several workers.
    """
    if not settings.app_socket or settings.workers > 1:
        return None
    try:
        return Beside(settings.app_socket)
    except OSError as error:
        notices.tell(
            f"OFN_APP_SOCKET: {settings.app_socket} cannot be served ({error}); the port serves alone"
        )
        return None


def address(listener: socket.socket) -> str:
    """Where it listens, for a person."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def _given(environ: MutableMapping[str, str]) -> bool:
    """Whether systemd, or who does as it does, gave this process a socket."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", "")
    if not count.isdigit() or pid != str(os.getpid()):
        return False
    if int(count) > 1:
        raise exits.StartError("InvalidSetting", f"LISTEN_FDS is {count}; a function takes one socket")
    return int(count) == 1


def _inherited(descriptor: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise exits.StartError(
            "InvalidSetting", f"the descriptor {descriptor} is no socket to listen on: {error}"
        ) from error
    if listener.type != socket.SOCK_STREAM:
        raise exits.StartError("InvalidSetting", f"the descriptor {descriptor} is no stream socket")
    listener.settimeout(0)
    os.set_inheritable(descriptor, False)  # noqa: FBT003  # its signature
    return listener


def _make_room(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError("a file that is no socket is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            _unlink(path)
            return
    raise FileExistsError("another process serves it")


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
