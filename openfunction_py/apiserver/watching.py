"""Watches: what is there now if asked for, then every change as it is committed, as one line of JSON each.

A watch ends when its time is over, its client goes away or falls too far behind; the client resumes by version.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator

from starlette.types import Message, Receive, Scope, Send

from openfunction_py.apiserver import hub, reading, representation, status
from openfunction_py.apiserver.database import Row
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.representation import Form
from openfunction_py.apiserver.request import Options, Target, stored
from openfunction_py.apiserver.selectors import Selector
from openfunction_py.apiserver.store import CompactedError, FutureRevisionError

BOOKMARK_SECONDS = 60.0
SHORTEST_DEFAULT, LONGEST_DEFAULT = 1800, 3600
STALLED_SECONDS = 60.0
INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watch:
    """An answer that goes on: an ASGI application for one watch request."""

    def __init__(self, deps: Dependencies, target: Target, *, options: Options, form: Form) -> None:
        """Read what the query asks for; the subscription begins when the answer does.

        Raises:
            status.StatusError: 400, the query cannot be understood.
        """
        self._store = deps.store
        self._target = target
        self._form = form
        self._selector: Selector = reading.selector_of(target, options.query)
        self._revision = options.number("resourceVersion") or 0
        self._bookmarks = options.flag("allowWatchBookmarks")
        self._send_initial = options.flag("sendInitialEvents")
        self._initial = self._revision == 0 or self._send_initial
        if options.query.get("sendInitialEvents") == "false":
            self._initial = False
        self._clock = deps.clock
        span = LONGEST_DEFAULT - SHORTEST_DEFAULT
        self._seconds = float(options.number("timeoutSeconds") or SHORTEST_DEFAULT + secrets.randbelow(span))
        self._first = True

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer until the watch ends."""
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            watcher, lines = self._start()
        except (CompactedError, FutureRevisionError) as error:
            said = status.expired if isinstance(error, CompactedError) else status.not_given_yet
            await send(_chunk(representation.line("ERROR", _encoded(said(str(error))))))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        try:
            async with asyncio.timeout(self._seconds + STALLED_SECONDS), asyncio.TaskGroup() as group:
                listener = group.create_task(_until_gone(receive, watcher))
                await send(_chunk(lines))
                await self._follow(watcher, send)
                listener.cancel()
        except TimeoutError:  # the client stopped reading; its connection is cut
            return
        finally:
            self._store.unwatch(watcher)

    def _start(self) -> tuple[hub.Watcher, bytes]:
        """Subscribe at the revision that the initial state, or the client, stands at."""
        resource = stored(self._target.resource)
        if not self._initial:
            return self._store.watch(resource, after=self._revision or self._store.revision), b""
        snapshot = self._store.page(resource, namespace=self._target.namespace)
        watcher = self._store.watch(resource, after=snapshot.revision)
        lines = b"".join(self._initial_lines(snapshot.rows))
        if self._bookmarks and self._send_initial:
            lines += self._form.bookmark(snapshot.revision, annotations=INITIAL_END)
        return watcher, lines

    def _initial_lines(self, rows: Iterable[Row]) -> Iterator[bytes]:
        for row in rows:
            if reading.chosen(row, self._selector):
                yield self._form.initial(row.value, first=self._first)
                self._first = False

    async def _follow(self, watcher: hub.Watcher, send: Send) -> None:
        """Send what was missed, then a bookmark, so that a client knows that it is up to date; then what happens."""
        end = self._clock.monotonic() + self._seconds
        caught_up = False
        while not watcher.ended and (left := end - self._clock.monotonic()) > 0:
            events = await watcher.next(min(left, BOOKMARK_SECONDS) if caught_up else 0)
            lines = b"".join(line for event in events if (line := self._line(event)))
            if self._bookmarks and not (events and caught_up) and not watcher.ended:
                lines += self._form.bookmark(self._store.revision, annotations={})
            caught_up = True
            if lines:
                await send(_chunk(lines))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _line(self, event: hub.Event) -> bytes:
        namespace = self._target.namespace
        if namespace and event.change.key.namespace != namespace:
            return b""
        type_ = event.change.type if not self._selector else transition(event, self._selector)
        if not type_:
            return b""
        line = self._form.event(type_, event, first=self._first)
        self._first = False
        return line


def transition(event: hub.Event, selector: Selector) -> str:
    """What a change is to a watcher with a selector: leaving the selection is a deletion, entering it an addition."""
    if selector.name and event.change.key.name != selector.name:
        return ""
    previous = event.previous
    was = previous is not None and selector.matches(previous)
    if event.change.type == "DELETED" or not selector.matches(event.object):
        return "DELETED" if was else ""
    return "MODIFIED" if was else "ADDED"


def _chunk(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _encoded(error: status.StatusError) -> bytes:
    return bytes(representation.respond(error.to_wire()).body)


async def _until_gone(receive: Receive, watcher: hub.Watcher) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.end()
