"""Server-sent events: the value a streaming function yields, and its form on the wire.

It opens no stream; flow.py does.
"""

from __future__ import annotations

import re
from typing import Any

from functions_framework import jsons
from functions_framework.record import dataclass

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event.

    Attributes:
        data: text as it is, anything else as JSON; None for an event without data.
        event: the event's type, which a browser listens to; "message" when empty.
        id: what a client that comes back says it saw last; not sent when None.
        retry: milliseconds a client waits before it comes back; not sent when None.
    """

    data: Any = None  # Any: whatever JSON holds
    event: str = ""
    id: str | int | None = None
    retry: int | None = None

    def encode(self) -> bytes:
        """The event as sent; raises ValueError for a type or id with a line break, TypeError for data without JSON."""
        lines = [f"event: {_single(self.event)}"] if self.event else []
        if self.id is not None:
            lines.append(f"id: {_single(str(self.id))}")
        if self.retry is not None:
            lines.append(f"retry: {int(self.retry)}")
        if self.data is not None:
            lines += [f"data: {line}" for line in _BREAK.split(_text(self.data))]
        return ("\n".join(lines) + "\n\n").encode()


def encode(item: object) -> bytes:
    """An item of an event stream; bytes are taken as already written."""
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    return (item if isinstance(item, Event) else Event(item)).encode()


def _text(data: object) -> str:
    return data if isinstance(data, str) else jsons.dumps(data).decode()


def _single(value: str) -> str:
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"{value!r} cannot be an event's type or id: it holds a line break or a null")
    return value
