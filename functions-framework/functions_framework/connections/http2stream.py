"""A request as it arrives on a stream of HTTP/2, and the measure of what a client sends beside requests.

It sends nothing and knows no state machine.
"""

from __future__ import annotations

from typing import Any

from functions_framework.connections import head
from functions_framework.request import Request
from functions_framework.settings import Limits

_NOISE = 400.0  # frames beside requests that may come at once
_NOISE_RATE = 40.0  # and for each second
_PER_REQUEST = 4.0  # and for each request


class Body:
    """Head and body of a request whose end has not come."""

    def __init__(self, headers: list[tuple[bytes, bytes]], now: float) -> None:
        self._began = now
        self._pieces: list[bytes] = []
        self.size: int = 0
        pseudo = {name: value for name, value in headers if name.startswith(b":")}
        self._method = pseudo.get(b":method", b"").decode("latin-1")
        self._target = pseudo.get(b":path", b"*" if self._method == "CONNECT" else b"")
        self._fields = _fields(headers, pseudo.get(b":authority"))
        self._expect = next((value for name, value in self._fields if name == b"expect"), None)

    @property
    def expects(self) -> bool:
        """The client waits for a word before it sends its body."""
        return self._expect is not None and self._expect.strip().lower() == b"100-continue"

    def refusal(self, limits: Limits) -> int:
        """The status to refuse this head with, or 0."""
        if self._expect is not None and not self.expects:
            return 417
        if len(self._fields) > limits.max_fields:
            return 431
        for name, value in self._fields:
            if name == b"content-length" and value.isdigit() and int(value) > limits.max_body:
                return 413
            if name == b"host" and not head.is_host(value):
                return 400
        return 0

    def add(self, piece: bytes) -> None:
        """A piece of the body came."""
        self._pieces.append(piece)
        self.size += len(piece)

    def is_late(self, now: float, limits: Limits) -> bool:
        """It arrives more slowly than it may."""
        seconds = limits.head_seconds + (
            self.size / limits.body_rate if limits.body_rate else limits.stall_seconds
        )
        return now - self._began > seconds

    def request(self, peer: Any) -> Request:  # Any: an address of any family
        """The request, with what has come of its body."""
        return Request(self._method, self._target, self._fields, b"".join(self._pieces), peer)


class Noise:
    """A bucket of frames that ask for work but are no requests: pings, settings, resets, empty data."""

    def __init__(self, now: float) -> None:
        self._level = 0.0
        self._at = now

    def heard(self, now: float, *, weight: float = 1.0) -> None:
        """Such a frame came."""
        self._level = max(0.0, self._level - (now - self._at) * _NOISE_RATE) + weight
        self._at = now

    def asked(self) -> None:
        """A request came whole, which earns some."""
        self._level = max(0.0, self._level - _PER_REQUEST)

    def too_loud(self, now: float) -> bool:
        """More came than a client with something to ask for sends."""
        return self._level - (now - self._at) * _NOISE_RATE > _NOISE


def _fields(headers: list[tuple[bytes, bytes]], authority: bytes | None) -> list[tuple[bytes, bytes]]:
    """Fields as HTTP/1.1 has them: Host from the authority, crumbs of a cookie joined (RFC 9113 §8.2.3)."""
    fields = [(name, value) for name, value in headers if not name.startswith((b":", b"cookie"))]
    fields += [(name, value) for name, value in headers if name.startswith(b"cookie") and name != b"cookie"]
    crumbs = [value for name, value in headers if name == b"cookie"]
    if crumbs:
        fields.append((b"cookie", b"; ".join(crumbs)))
    if authority is not None:
        fields = [(b"host", authority), *((name, value) for name, value in fields if name != b"host")]
    return fields
