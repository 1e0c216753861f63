# ruff: noqa: SLF001 - the library's queue of what is sent has no public name
"""What is said to the broker: queued where the library queues it, and written with all else of this turn of the loop.

It waits for nothing; who sends much looks at `is_full`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client

_HEAD = b"NATS/1.0\r\n"


class Outbox:
    """Of one client."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client  # Any: its queue has no public name

    @property
    def is_full(self) -> bool:
        """More waits to be written than a slow connection should have."""
        return bool(self._client._pending_data_size > self._client._max_pending_size)

    async def written(self) -> None:
        """Until what was sent is with the system."""
        await self._client._flush_pending(force_flush=True)

    def send(self, subject: str, payload: bytes, *, reply: str = "", head: bytes = b"") -> None:
        """Queue a message; while there is no connection it waits for the next one.

        Raises:
            nats.errors.Error: the client is closed, or too much waits already.
        """
        client = self._client
        if client.is_closed:
            raise nats.errors.ConnectionClosedError
        if not client.is_connected and client._pending_data_size + len(payload) > client._max_pending_size:
            raise nats.errors.OutboundBufferLimitError
        if head:
            first = f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n"
        else:
            first = f"PUB {subject} {reply} {len(payload)}\r\n"
        command = b"%b%b%b\r\n" % (first.encode(), head, payload)
        client._pending.append(command)
        client._pending_data_size += len(command)
        queue = client._flush_queue
        if client.is_connected and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())


def head(fields: Mapping[str, str]) -> bytes:
    """A header block."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return b"%b%b\r\n" % (_HEAD, lines.encode())
