"""The root of the framework's errors, and those that a function may raise to answer a request.

It holds no failure to start (exits.py) and formats no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
        self.allowed: tuple[str, ...] = tuple(sorted(allowed))
        super().__init__(405, f"Use {' or '.join(self.allowed)}.")

    @property
    def lines(self) -> bytes:
        """RFC 9110 §15.5.6: the methods that are allowed."""
        return f"allow: {', '.join(with_implied(self.allowed))}\r\n".encode()


def with_implied(methods: Iterable[str]) -> list[str]:
    """Methods with those that the framework answers beside them: HEAD from GET, and OPTIONS."""
    given = set(methods)
    return sorted(given | {"OPTIONS"} | ({"HEAD"} if "GET" in given else set()))


class InvalidInput(HttpError):  # noqa: N818  # as above
    """The request is understood but its content is not valid: 422, and where.

    Attributes:
        paths: where and why, such as `("body.items.0.price", "is no number")`; a path begins with body, query,
            header or path.
    """

    def __init__(self, paths: Sequence[tuple[str, str]]) -> None:
        self.paths: tuple[tuple[str, str], ...] = tuple(paths)
        super().__init__(422, "; ".join(f"{path} {message}" for path, message in self.paths))


class Overloaded(HttpError):  # noqa: N818  # as above
    """As many calls wait as may: 503, and when to come again."""

    def __init__(self, message: str, *, after: int = 1) -> None:
        self.after = after
        super().__init__(503, message)

    @property
    def lines(self) -> bytes:
        """RFC 9110 §10.2.3: seconds until it is worth another attempt."""
        return b"retry-after: %d\r\n" % self.after
