"""The root of the framework's errors, and those that a function may raise to answer a request.

It holds no failure to start (exits.py) and formats no answer.
"""

from __future__ import annotations

from collections.abc import Iterable


class FrameworkError(Exception):
    """Root of every error that the framework raises."""


class HttpError(FrameworkError):
    """Ends a request with this status; the message is sent to the client, so it holds nothing secret."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def lines(self) -> bytes:
        """Header lines that belong to this answer, each ended by CRLF."""
        return b""


class BadRequest(HttpError):  # noqa: N818  # the name that Flask's users know
    """The request cannot be understood: 400 with a sentence that says what is wrong or missing."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class MethodNotAllowed(HttpError):  # noqa: N818  # as above
    """A function has this path but not this method: 405 with the methods it has."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(405, f"Use {' or '.join(self.allowed)}.")

    @property
    def lines(self) -> bytes:
        """RFC 9110 §15.5.6: the methods that are allowed."""
        return f"allow: {', '.join(self.allowed)}\r\n".encode()
