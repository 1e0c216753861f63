"""Answers: the ones the gateway gives by itself, and the head of an instance's answer as the client gets it.

Never shows a traceback; a body is one sentence that says what to do.
"""

from http import HTTPStatus
from typing import NamedTuple

from openfunction_py.dataplane.requests import HOP_BY_HOP, Headers, tokens

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
BODILESS = frozenset({204, 304})


class Answer(NamedTuple):
    """An answer of the gateway itself; `retry_after` in seconds, 0 for none."""

    status: int
    reason: str
    message: str
    retry_after: int = 0


def encode(answer: Answer, *, head_only: bool, close: bool) -> bytes:
    """Return the whole answer as plain text."""
    return page(
        answer.status,
        (answer.message + "\n").encode(),
        extra=f"x-ofn-reason: {answer.reason}\r\n"
        + (f"retry-after: {answer.retry_after}\r\n" if answer.retry_after else ""),
        head_only=head_only,
        close=close,
    )


def page(
    status: int,
    body: bytes,
    *,
    kind: str = "text/plain; charset=utf-8",
    extra: str = "",
    head_only: bool,
    close: bool,
) -> bytes:
    """Return a complete small answer."""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\n{extra}" + ("connection: close\r\n" if close else "") + "\r\n"
    )
    return head.encode("latin-1") + (b"" if head_only else body)


class Framing(NamedTuple):
    """How an instance's answer is delimited: it may have no body, a length, chunks, or end with the connection."""

    bodiless: bool
    length: bytes | None
    chunked: bool

    @property
    def until_close(self) -> bool:
        """Whether the end of the connection ends the body."""
        return not self.bodiless and not self.chunked and self.length is None


class Passed(NamedTuple):
    """An instance's answer head, split: the lines that pass and how the body is delimited."""

    lines: list[bytes]
    framing: Framing


def split(status: int, headers: Headers, *, head_request: bool) -> Passed:
    """Return what passes of an instance's headers."""
    lines: list[bytes] = []
    length: bytes | None = None
    chunked, named = False, frozenset[bytes]()
    for name, value in headers:
        low = name.lower()
        if low == b"connection":
            named = tokens(value)
        elif low == b"transfer-encoding":
            chunked = b"chunked" in tokens(value)
        elif low not in HOP_BY_HOP:
            length = value if low == b"content-length" else length
            lines.append(b"%b: %b" % (name, value))
    if named - {b"close", b"keep-alive", b"upgrade"}:
        lines = [line for line in lines if line.partition(b":")[0].lower() not in named]
    return Passed(lines, Framing(head_request or status in BODILESS, length, chunked))


def open_head(status: int, phrase: bytes, lines: list[bytes]) -> bytes:
    """Return the head that goes to the client."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n\r\n" % (status, phrase, b"\r\n".join(lines))


def chunk(data: bytes) -> bytes:
    """Return data as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
