"""A raw HTTP/2 client: the package h2 as state machine, and every event as it came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events

_PATIENCE = 10.0
_ANY_STREAM = 2**31 - 1


@dataclass
class Reply:
    """What came back on a stream."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    informational: list[bytes] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers.get(b":status", b"0"))


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config=config)
        self.replies: dict[int, Reply] = {}
        self.events: list[h2.events.Event] = []
        self.closed = False
        self.takes = True  # opens its windows again for what it receives

    @classmethod
    async def open(cls, port: int) -> Client:
        made = cls(*await asyncio.open_connection("127.0.0.1", port))
        made.h2.initiate_connection()
        made.flush()
        return made

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def request(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        body: bytes | None = None,
        fields: Iterable[tuple[str, str]] = (),
        end: bool = True,
    ) -> int:
        """Send a request, a short body at once; gives the stream."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "test:80")]
        self.h2.send_headers(stream, [*pseudo, *fields], end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        self.replies[stream] = Reply()
        self.flush()
        return stream

    async def upload(self, stream: int, body: bytes) -> None:
        """Send a body as the server's windows allow."""
        sent = 0
        while sent < len(body):
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room <= 0:
                await self.step()
                continue
            self.h2.send_data(stream, body[sent : sent + room], end_stream=sent + room >= len(body))
            sent += room
            self.flush()
            await self.writer.drain()

    async def step(self) -> None:
        """Read once and note what came."""
        data = await asyncio.wait_for(self.reader.read(65536), _PATIENCE)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self.events.append(event)
            self._note(event)
            if isinstance(event, h2.events.ConnectionTerminated) and event.last_stream_id == _ANY_STREAM:
                self.h2.state_machine.state = (
                    h2.connection.ConnectionState.CLIENT_OPEN
                )  # h2 takes it for the end
        self.flush()

    def _note(self, event: Any) -> None:
        reply = self.replies.get(getattr(event, "stream_id", 0) or 0)
        if reply is None:
            return
        match event:
            case h2.events.ResponseReceived():
                reply.headers = dict(event.headers)
            case h2.events.InformationalResponseReceived():
                reply.informational.append(dict(event.headers)[b":status"])
            case h2.events.DataReceived():
                reply.body += event.data
                if self.takes and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                reply.ended = True
            case h2.events.StreamReset():
                reply.reset = int(event.error_code)

    async def reply(self, stream: int) -> Reply:
        """The whole answer of a stream, or how it broke."""
        reply = self.replies[stream]
        while not (reply.ended or reply.reset is not None or self.closed):
            await self.step()
        return reply

    async def ask(self, path: str = "/", **how: Any) -> Reply:
        return await self.reply(self.request(path, **how))

    async def end(self) -> int | None:
        """Read until the server closes, which it does without a reset; the code of its last GOAWAY."""
        while not self.closed:
            await self.step()
        codes = [
            event.error_code for event in self.events if isinstance(event, h2.events.ConnectionTerminated)
        ]
        return int(codes[-1] or 0) if codes else None

    def close(self) -> None:
        self.writer.close()
