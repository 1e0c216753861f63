"""The durable, versioned store: one writer thread, one transaction for all writes that wait, one savepoint per write.

It knows keys, documents and revisions, no kinds. Nothing uncommitted leaves it: results, refusals included, are
handed out after the commit they depend on.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import orjson

from openfunction_py.apiserver import hub
from openfunction_py.apiserver.database import Change, Database, Key, Row, StoreError
from openfunction_py.lib import log

HISTORY_CHANGES = 10_000
HISTORY_BYTES = 64 << 20
GROUP = 256

Document = dict[str, Any]

logger = log.get("apiserver.store")


class CompactedError(Exception):
    """History up to this revision is gone; the client must list again."""

    def __init__(self, revision: int, compacted: int) -> None:
        """Name the revision asked for and the oldest one known."""
        super().__init__(f"too old resource version: {revision} ({compacted})")


class FutureRevisionError(Exception):
    """A revision that was not given out yet."""

    def __init__(self, revision: int, current: int) -> None:
        """Name the revision asked for and the last one."""
        super().__init__(f"Too large resource version: {revision}, current: {current}")


class View(Protocol):
    """What a mutation may read: the state its write will be applied to."""

    def get(self, key: Key) -> Document | None:
        """A fresh copy of an object, or None."""

    def any_in(self, namespace: str) -> str | None:
        """The resource of some object in a namespace."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mutation decided: `put` or `remove` the object, or `keep` what is stored and answer with the object."""

    action: str
    key: Key
    object: Document
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A committed write: the object with its new resourceVersion, and its encoding."""

    object: Document
    value: bytes
    created: bool
    removed: bool
    warnings: tuple[str, ...] = ()


Mutation = Callable[[View], Outcome]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of a resource at one revision, and whether more follow."""

    revision: int
    rows: Sequence[Row]
    more: bool


@dataclass(slots=True)
class _Job:
    mutation: Mutation
    future: asyncio.Future[Written]
    loop: asyncio.AbstractEventLoop
    result: Written | None = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():  # the client went away; the write stays
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        elif self.result is not None:
            self.future.set_result(self.result)


class Store:
    """Objects under keys with one increasing revision, durable when a write returns; used from one event loop."""

    def __init__(
        self, path: Path, *, history_changes: int = HISTORY_CHANGES, history_bytes: int = HISTORY_BYTES
    ) -> None:
        """Open the file and start the writer.

        Raises:
            StoreError: the file cannot be used; the message says why and what to do.
        """
        self._database = Database(path)
        self._limits = (history_changes, history_bytes)
        self._revision, self._compacted = self._database.state()
        self._history = list(self._database.history_size())
        self._published = self._revision
        self._hub = hub.Hub()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the writer after what waits, and close the file; a second call does nothing."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
            self._database.close()

    # Reading: only what is committed.

    @property
    def revision(self) -> int:
        """The last revision watchers were told of."""
        return self._published

    @property
    def watchers(self) -> int:
        """The number of open watches."""
        return len(self._hub)

    def get(self, key: Key) -> bytes | None:
        """The encoded object under a key."""
        return self._database.get(key)

    def page(
        self,
        resource: str,
        *,
        namespace: str = "",
        after: tuple[str, str] = ("", ""),
        limit: int = -1,
        at: int | None = None,
    ) -> Snapshot:
        """Objects of a resource in order of namespace and name, behind `after`; `at` names an earlier revision.

        Raises:
            CompactedError: the changes since `at` are not all known.
            FutureRevisionError: the revision is not given out yet.
        """
        with self._database.snapshot():
            revision, _ = self._database.state()
            if at is not None:
                self._check(at)
                revision = at
                changes = self._database.changes(resource, after=at)
                if changes:
                    rows = self._database.rows(resource, namespace=namespace, after=("", ""), limit=-1)
                    past = [
                        row for row in _undone(rows, changes, namespace) if (row.namespace, row.name) > after
                    ]
                    return _page(revision, past, limit)
            wanted = limit + 1 if limit > 0 else -1
            rows = self._database.rows(resource, namespace=namespace, after=after, limit=wanted)
        return _page(revision, rows, limit)

    def watch(self, resource: str, *, after: int) -> hub.Watcher:
        """Changes of a resource behind a revision: replayed from history, then as they are committed.

        Raises:
            CompactedError: history since `after` is not complete.
            FutureRevisionError: the revision is not given out yet.
        """
        with self._database.snapshot():
            self._check(after)
            changes = self._database.changes(resource, after=after)
        watcher = hub.Watcher(resource, after=after)
        watcher.replay(hub.Event(change) for change in changes)
        self._hub.add(watcher)
        return watcher

    def unwatch(self, watcher: hub.Watcher) -> None:
        """Forget a watcher."""
        self._hub.remove(watcher)

    def end_watches(self) -> None:
        """End every watch, so that their connections can close."""
        self._hub.end()

    def _check(self, revision: int) -> None:
        current, compacted = self._database.state()
        if revision < compacted:
            raise CompactedError(revision, compacted)
        if revision > current:
            raise FutureRevisionError(revision, current)

    # Writing.

    async def write(self, mutation: Mutation) -> Written:
        """Run a mutation against the latest state; return when its effect is durable.

        Raises:
            StoreError: nothing was stored; the message says why.
            Exception: what the mutation raised.
        """
        loop = asyncio.get_running_loop()
        job = _Job(mutation, loop.create_future(), loop)
        self._jobs.put(job)
        return await job.future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group, last = self._group(job)
            self._commit(group)
            if last:
                return

    def _group(self, first: _Job) -> tuple[list[_Job], bool]:
        """Everything that waits now shares one transaction and so one fsync."""
        group = [first]
        while len(group) < GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        writing = _Group(self._database, self._revision)
        history = list(self._history)
        try:
            with self._database.transaction():
                for job in group:
                    writing.run(job)
                if writing.changes:
                    self._database.advance(writing.revision)
                    self._compact(writing)
        except StoreError as error:
            logger.error("a group of writes is not stored", writes=len(group), error=str(error))
            for job in group:
                job.result, job.error = None, error
            self._history = history
            self._deliver(group, [])
            return
        self._revision = writing.revision
        self._deliver(group, writing.changes)

    def _compact(self, writing: _Group) -> None:
        self._history[0] += len(writing.changes)
        self._history[1] += sum(len(change.value) + len(change.previous or b"") for change in writing.changes)
        changes, size = self._limits
        if self._history[0] > changes * 5 // 4 or self._history[1] > size:
            keep = min(changes, self._history[0] // 2 if self._history[1] > size else changes)
            self._database.compact(keep=keep)
            self._history = list(self._database.history_size())

    def _deliver(self, group: list[_Job], changes: list[Change]) -> None:
        """Back on the loop: watchers first, then the writers, so that a writer finds its event on the way."""

        def tell() -> None:
            if changes:
                self._published = changes[-1].revision
                self._hub.publish(changes)
            for job in group:
                job.resolve()

        try:
            group[0].loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop is closed: the server stopped, the writes are durable all the same
            logger.warning("writes were committed after the server stopped", writes=len(group))


def _page(revision: int, rows: Sequence[Row], limit: int) -> Snapshot:
    more = 0 < limit < len(rows)
    return Snapshot(revision, rows[:limit] if more else rows, more)


def _undone(rows: Sequence[Row], changes: Sequence[Change], namespace: str) -> list[Row]:
    """Rows as they were before the changes."""
    found = {(row.namespace, row.name): row.value for row in rows}
    for change in reversed(changes):
        place = (change.key.namespace, change.key.name)
        if namespace and change.key.namespace != namespace:
            continue
        if change.previous is None:
            found.pop(place, None)
        else:
            found[place] = change.previous
    return [Row(*place, found[place]) for place in sorted(found)]


@dataclass(slots=True)
class _Group:
    """The writes of one transaction, as the writer goes through them."""

    database: Database
    revision: int
    changes: list[Change] = field(default_factory=list)

    def get(self, key: Key) -> Document | None:
        """See View."""
        value = self.database.current(key)
        return None if value is None else orjson.loads(value)

    def any_in(self, namespace: str) -> str | None:
        """See View."""
        return self.database.any_in(namespace)

    def run(self, job: _Job) -> None:
        """One write; its failure undoes it alone.

        Raises:
            sqlite3.Error: the whole transaction is lost.
        """
        try:
            outcome = job.mutation(self)
        except Exception as error:  # noqa: BLE001 - the writer outlives what a mutation raises; the caller gets it
            job.error = error
            return
        with self.database.savepoint():
            job.result = self._apply(outcome)

    def _apply(self, outcome: Outcome) -> Written:
        previous = self.database.current(outcome.key)
        document = outcome.object
        if outcome.action == "keep":
            value = orjson.dumps(document)
            return Written(
                document, value, created=previous is None, removed=False, warnings=outcome.warnings
            )
        revision = self.revision + 1
        document.setdefault("metadata", {})["resourceVersion"] = str(revision)
        value = orjson.dumps(document)
        removed = outcome.action == "remove"
        type_ = "DELETED" if removed else "ADDED" if previous is None else "MODIFIED"
        change = Change(revision, type_, outcome.key, value, previous)
        self.database.record(change)
        self.revision = revision
        self.changes.append(change)
        return Written(document, value, created=previous is None, removed=removed, warnings=outcome.warnings)
