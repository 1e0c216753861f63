"""A JetStream consumer as the broker's monitoring tells it, and word of the next message on its subjects.

The word is a plain subscription that ends by itself with its first message; nothing is read of the message.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Consumer:
    """Counts of a consumer, and the subjects whose messages it is given."""

    num_pending: int
    num_ack_pending: int
    subjects: Sequence[str]
    is_leader: bool = True

    @property
    def waiting(self) -> int:
        """Messages that are not settled."""
        return self.num_pending + self.num_ack_pending


def find(answer: Any, *, stream: str, consumer: str) -> Consumer | None:
    """The consumer in an answer of /jsz; None when it holds none of that name."""
    streams = [
        one for account in answer.get("account_details") or () for one in account.get("stream_detail") or ()
    ]
    for one in streams:
        for found in one.get("consumer_detail") or ():
            if one.get("name") == stream and found.get("name") == consumer:
                return _consumer(one, found, server=answer.get("server_name", ""))
    return None


def _consumer(stream: Any, found: Any, *, server: str) -> Consumer:
    config = found.get("config") or {}
    filters = config.get("filter_subjects") or (
        [config["filter_subject"]] if config.get("filter_subject") else []
    )
    leader = (found.get("cluster") or {}).get("leader", "")
    return Consumer(
        int(found.get("num_pending") or 0),
        int(found.get("num_ack_pending") or 0),
        tuple(filters or (stream.get("config") or {}).get("subjects") or ()),
        is_leader=not leader or leader == server,
    )


class NoWordError(Exception):
    """The broker cannot be listened to now."""


async def next_message(
    host: str, port: int, subjects: Sequence[str], *, on_listening: Callable[[], None]
) -> None:
    """Return with the first message on any of the subjects; `on_listening` is told when none can be missed any more.

    Raises:
        NoWordError: the broker is away, ends the connection or refuses the subscription.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise NoWordError(str(error)) from error
    try:
        await _subscribe(writer, subjects)
        await _await_message(reader, writer, on_listening)
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise NoWordError(str(error) or type(error).__name__) from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _subscribe(writer: asyncio.StreamWriter, subjects: Sequence[str]) -> None:
    lines = ['CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"1","name":"keda"}']
    for number, subject in enumerate(subjects, start=1):
        lines += [f"SUB {subject} {number}", f"UNSUB {number} 1"]
    writer.write("\r\n".join([*lines, "PING", ""]).encode())
    await writer.drain()


async def _await_message(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_listening: Callable[[], None]
) -> None:
    while True:
        line = await reader.readline()
        word = line.split(b" ", 1)[0].strip().upper()
        if word in (b"MSG", b"HMSG"):
            return
        if word == b"PONG":
            on_listening()
        elif word == b"PING":
            writer.write(b"PONG\r\n")
        elif not line or word == b"-ERR":
            raise NoWordError(line.decode(errors="replace").strip() or "the connection ended")
