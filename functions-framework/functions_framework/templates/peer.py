"""One node's connection to a template, without an event loop: frames in, frames out, never blocking.

It knows no message; a node that does not read loses its connection.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping
from typing import Any

from functions_framework import control


class Peer:
    """A non-blocking stream socket registered with a poll object."""

    def __init__(self, connection: socket.socket, poll: select.poll) -> None:
        connection.settimeout(0)
        self._socket = connection
        self._poll = poll
        self._decoder = control.Decoder()
        self._unsent = bytearray()
        self.descriptor: int = connection.fileno()
        self.closed: bool = False
        poll.register(self.descriptor, select.POLLIN)

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have arrived; closes at the end of the stream. Raises FrameError."""
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.close()
            return []
        return self._decoder.feed(data)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send now what the socket takes, the rest when it can."""
        if self.closed:
            return
        self._unsent += control.encode(message)
        self.flush()
        if len(self._unsent) > control.MAX_FRAME:
            self.close()

    def flush(self) -> None:
        """Send what waits, and watch for writability while something does."""
        try:
            sent = self._socket.send(self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        self._poll.modify(self.descriptor, select.POLLIN | (select.POLLOUT if self._unsent else 0))

    def close(self) -> None:
        """End the connection."""
        if not self.closed:
            self.closed = True
            self._poll.unregister(self.descriptor)
            self._socket.close()

    def abandon(self) -> None:
        """In a fork: close our copy, leaving the parent's connection as it is."""
        self._socket.close()
