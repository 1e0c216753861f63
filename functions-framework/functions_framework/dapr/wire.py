"""HTTP/1.1 to a sidecar, in bytes: a question written, an answer read. No socket and no loop."""

from __future__ import annotations

from typing import Any

import httptools

from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.settings import Sidecar


def encode(ask: Ask[Any], sidecar: Sidecar) -> bytes:
    """A question's bytes."""
    body = ask.body() if callable(ask.body) else ask.body
    lines = [
        f"{ask.method} {ask.target} HTTP/1.1",
        f"host: {sidecar.authority}",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in ask.headers.items()),
    ]
    if sidecar.token:
        lines.append(f"dapr-api-token: {sidecar.token}")
    return "\r\n".join([*lines, "\r\n"]).encode() + body


class Incoming:
    """An answer that comes in pieces; one per question."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._kept = False
        self.begun: bool = False
        self.reply: Reply | None = None

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; the answer once it is whole. Raises ValueError for what is no HTTP."""
        self.begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ValueError(f"the answer is no HTTP: {error}") from error
        return self.reply

    def end(self) -> Reply | None:
        """The peer closed: the answer, if its end was the connection's end."""
        if self.reply is None and self.begun and "content-length" not in self._headers:
            self._settle()
        return self.reply

    @property
    def kept(self) -> bool:
        """The connection can carry another question."""
        return self.reply is not None and self._kept

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The whole answer is there; an interim one (1xx) is no answer."""
        if self._parser.get_status_code() < 200:
            self._headers.clear()
            return
        self._kept = self._parser.should_keep_alive()
        self._settle()

    def _settle(self) -> None:
        self.reply = Reply(self._parser.get_status_code(), self._headers, b"".join(self._body))
