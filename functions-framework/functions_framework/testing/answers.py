"""An answer as a test looks at it: status, headers, body, and the pieces in which the body came.

It waits for nothing; what is here has been received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions_framework import cloudevent, jsons
from functions_framework.cloudevent import CloudEvent
from functions_framework.fields import Headers
from functions_framework.request import Request


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: the status.
        headers: by name in any case; `headers.getlist` gives each of a repeated field.
        chunks: the body in the pieces in which the function sent it; one where it did not stream.
        broken: the body ended before its end.
    """

    status: int
    headers: Headers
    chunks: tuple[bytes, ...] = ()
    broken: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)

    data = body

    @property
    def status_code(self) -> int:
        """The status (the name of other test clients)."""
        return self.status

    @property
    def ok(self) -> bool:
        """The status is below 400."""
        return self.status < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def content_type(self) -> str:
        """The Content-Type; empty without one."""
        return self.headers.get("content-type", "")

    def json(self) -> Any:  # Any: whatever the function answered
        """The body as JSON; raises ValueError that shows a body which is none."""
        try:
            return jsons.loads(self.body)
        except jsons.DecodeError as error:
            raise ValueError(f"the answer {self.status} is no JSON: {self.body[:200]!r}") from error

    def lines(self) -> list[Any]:
        """The values of a body of JSON lines."""
        return [jsons.loads(line) for line in self.body.splitlines() if line]

    def events(self) -> list[dict[str, str]]:
        """The server-sent events of the body: their fields by name, `data` joined by line breaks."""
        return [_fields(block) for block in self.text.replace("\r\n", "\n").split("\n\n") if block.strip()]

    def event(self) -> CloudEvent:
        """The CloudEvent that the function answered with, of either mode; raises BadRequest when there is none."""
        return cloudevent.from_request(Request("POST", b"/", self.headers.raw, self.body))

    def __repr__(self) -> str:
        shown = self.text if len(self.body) < 200 else f"{self.text[:200]}…"
        return f"<Answer {self.status} {self.content_type} {shown!r}>"


def made(status: int, pairs: Sequence[tuple[str, str]], chunks: Sequence[bytes], *, broken: bool) -> Answer:
    """An answer of what came."""
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
    return Answer(status, Headers(raw), tuple(chunks), broken)


def _fields(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found
