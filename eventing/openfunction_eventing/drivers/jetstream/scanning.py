"""What the broker sends, cut into messages without a coroutine, a queue and an object of the library for each.

The library keeps the connection and all that is no message; messages of its own subscriptions go on to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.protocol.parser import MAX_CONTROL_LINE_SIZE, Parser

# subject, reply, header block (empty when there is none), payload
Handler = Callable[[str, str, bytes, bytes], None]
_log = logging.getLogger(__name__)
_END = b"\r\n"
_MESSAGES = (b"MSG ", b"HMSG ")


class Scanner(Parser):
    """The library's parser, quick with messages."""

    def __init__(self, client: Client) -> None:
        self.handlers: dict[int, Handler] = {}
        super().__init__(client)

    def reset(self) -> None:
        """Forget what came on a connection that is no more."""
        super().reset()
        self._held = bytearray()
        self._least = 0  # so many bytes are there when what is begun is whole
        self._resets = getattr(self, "_resets", 0) + 1

    async def parse(self, data: bytes = b"") -> None:
        """Hand on every message that is whole; the rest of the bytes waits for more."""
        held = data
        if self._held:
            self._held += data
            if len(self._held) < self._least:
                return
            held = bytes(self._held)
        at, resets = 0, self._resets
        while (end := held.find(_END, at)) >= 0:
            past = end + 2
            if held.startswith(_MESSAGES, at):
                words = held[at:end].split()
                past += int(words[-1]) + 2
                if past > len(held):
                    break
                handler = self.handlers.get(int(words[2]))
                if handler is None:
                    await self._pass_on(words, held[end + 2 : past - 2])
                else:
                    _hand_on(handler, words, held[end + 2 : past - 2])
            else:
                await self._line(held[at:past])
            if self._resets != resets:
                return
            at = past
        self._keep(held, at, past if end >= 0 else 0)
        if end < 0 and len(self._held) > MAX_CONTROL_LINE_SIZE:
            await self._line(bytes(self._held))  # the library says what is wrong with it

    def _keep(self, held: bytes, at: int, past: int) -> None:
        self._held = bytearray(held[at:])
        self._least = max(past - at, 0)

    async def _pass_on(self, words: list[bytes], whole: bytes) -> None:
        """A message of one of the library's own subscriptions."""
        reply, head = _parts(words)
        # Any: the library's side of the parser has no public name
        pass_on: Any = self.nc._process_msg  # noqa: SLF001 - as above
        await pass_on(int(words[2]), words[1], reply, whole[head:], whole[:head] or None)

    async def _line(self, line: bytes) -> None:
        """Anything else, by the library; it may end the connection."""
        self.buf = bytearray()
        await super().parse(line)


def _hand_on(handler: Handler, words: list[bytes], whole: bytes) -> None:
    reply, head = _parts(words)
    try:
        handler(words[1].decode(), reply.decode(), whole[:head], whole[head:] if head else whole)
    except Exception as error:  # noqa: BLE001  # one message must not end the connection
        _log.error("a message of the broker could not be handled", exc_info=error)


def _parts(words: list[bytes]) -> tuple[bytes, int]:
    """The reply subject and the length of the header block that a message's first line tells."""
    if words[0] == b"HMSG":
        return words[3] if len(words) == 6 else b"", int(words[-2])
    return words[3] if len(words) == 5 else b"", 0


def headers(block: bytes) -> dict[str, str]:
    """The fields of a header block; a status in its first line is `Status`, as the library has it."""
    if not block:
        return {}
    first, *lines = block.decode(errors="replace").split("\r\n")
    found = {name: value.strip() for name, mark, value in (line.partition(":") for line in lines) if mark}
    if status := first.partition(" ")[2]:
        found["Status"] = status.partition(" ")[0]
    return found
