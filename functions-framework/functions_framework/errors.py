"""The root of the framework's errors, and those that a function may raise to answer a request.

It holds no failure to start (exits.py) and formats no answer.
"""

from __future__ import annotations


class FrameworkError(Exception):
    """Root of every error that the framework raises."""


class HttpError(FrameworkError):
    """Ends a request with this status; the message is sent to the client, so it holds nothing secret."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class BadRequest(HttpError):  # noqa: N818  # the name that Flask's users know
    """The request cannot be understood: 400 with a sentence that says what is wrong or missing."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)
