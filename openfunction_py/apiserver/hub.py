"""Fan-out of committed changes to watchers: each change is decoded and encoded once, whatever the number of watchers.

It keeps no history; a watcher that falls behind is ended, and its client resumes from the last version it saw.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from openfunction_py.apiserver.database import Change

BUFFERED = 2000


class Event:
    """A change on its way to watchers, with what was made of it so far."""

    __slots__ = ("_lines", "_object", "_previous", "change")

    def __init__(self, change: Change) -> None:
        """Hold a change; nothing is decoded yet."""
        self.change = change
        self._object: dict[str, Any] | None = None
        self._previous: dict[str, Any] | None = None
        self._lines: dict[tuple[str, str], bytes] = {}

    @property
    def object(self) -> dict[str, Any]:
        """The object after the change."""
        if self._object is None:
            self._object = orjson.loads(self.change.value)
        return self._object

    @property
    def previous(self) -> dict[str, Any] | None:
        """The object before the change."""
        if self._previous is None and self.change.previous is not None:
            self._previous = orjson.loads(self.change.previous)
        return self._previous

    def line(self, type_: str, representation: str, make: Callable[[], bytes]) -> bytes:
        """The encoded event, made the first time anybody asks for this type and representation."""
        found = self._lines.get((type_, representation))
        if found is None:
            found = self._lines[type_, representation] = make()
        return found


class Watcher:
    """One subscription to a resource: changes behind a revision, in order, each once."""

    def __init__(self, resource: str, *, after: int) -> None:
        """Subscribe from a revision on."""
        self.resource = resource
        self.position = after
        self.ended = False
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()

    def replay(self, events: Iterable[Event]) -> None:
        """Put history in front; the limit of the buffer does not count for it."""
        for event in events:
            self.position = event.change.revision
            self._events.append(event)

    def push(self, event: Event) -> None:
        """Take a change unless it was seen in the replay; end the watcher when its buffer is full."""
        if self.ended or event.change.revision <= self.position:
            return
        if len(self._events) >= BUFFERED:
            self.end()
            return
        self.position = event.change.revision
        self._events.append(event)
        self._wake.set()

    def end(self) -> None:
        """Let `next` return for the last time."""
        self.ended = True
        self._wake.set()

    async def next(self, timeout: float) -> Sequence[Event]:
        """Changes since the last call; empty when none came in time, or the watcher is ended."""
        if not self._events and not self.ended:
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                pass  # a change that came in this very moment is taken all the same: a bookmark must not pass it
        self._wake.clear()
        taken = tuple(self._events)
        self._events.clear()
        return taken


class Hub:
    """The watchers of every resource."""

    def __init__(self) -> None:
        """Start without watchers."""
        self._watchers: dict[str, set[Watcher]] = {}

    def __len__(self) -> int:
        """The number of watchers."""
        return sum(len(watchers) for watchers in self._watchers.values())

    def add(self, watcher: Watcher) -> None:
        """Let a watcher hear what is published from now on."""
        self._watchers.setdefault(watcher.resource, set()).add(watcher)

    def remove(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._watchers.get(watcher.resource, set()).discard(watcher)

    def publish(self, changes: Sequence[Change]) -> None:
        """Hand committed changes to their watchers, in order."""
        for change in changes:
            watchers = self._watchers.get(change.key.resource)
            if watchers:
                event = Event(change)
                for watcher in watchers:
                    watcher.push(event)

    def end(self) -> None:
        """End every watcher, as a stopping server does."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()
