# ruff: noqa: SLF001 - the library's queue of what is sent has no public name
"""What is said to the broker: queued where the library queues it, and written with all else of this turn of the loop.

It waits for nothing; who sends much looks at `is_full`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
from nats.aio.client import Client

_END = b"\r\n"


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
        if not client.is_connected:
            self._check(payload)
        if head:
            first = f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n"
        else:
            first = f"PUB {subject} {reply} {len(payload)}\r\n"
        command = first.encode()
        client._pending += (command, head, payload, _END)
        client._pending_data_size += len(command) + len(head) + len(payload) + len(_END)
        queue = client._flush_queue
        if queue.empty() and client.is_connected:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._join)  # just before the library's task that writes
            queue.put_nowait(loop.create_future())

    def _check(self, payload: bytes) -> None:
        """Whether what is sent without a connection can wait for one."""
        if self._client.is_closed:
            raise nats.errors.ConnectionClosedError
        if self._client._pending_data_size + len(payload) > self._client._max_pending_size:
            raise nats.errors.OutboundBufferLimitError

    def _join(self) -> None:
        """Make one piece of what this turn of the loop has sent; a system call over hundreds is dear."""
        pending = self._client._pending
        if len(pending) > 1:
            pending[:] = [b"".join(pending)]


def head(name: str, value: str) -> bytes:
    """A header block of one field."""
    return f"NATS/1.0\r\n{name}: {value}\r\n\r\n".encode()
