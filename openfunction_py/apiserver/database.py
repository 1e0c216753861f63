"""The SQLite file of the store: schema, transactions and statements, each method one statement or one snapshot.

It runs no thread and tells nobody; what a write means is the store's business.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SCHEMA_VERSION = 1
APPLICATION_ID = 0x4F464E31  # "OFN1"

_TABLES = """
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL
);
INSERT INTO state VALUES (1, 0, 0);
CREATE TABLE objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  revision INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (resource, namespace, name)
);
CREATE TABLE history (
  revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, value BLOB NOT NULL, previous BLOB
);
CREATE INDEX history_by_resource ON history (resource, revision);
"""


class StoreError(Exception):
    """The store cannot be opened or cannot write; the message says why and what to do."""


class DiskFullError(StoreError):
    """There is no room for the write; nothing of it is stored."""


class Key(NamedTuple):
    """Identity of an object: its resource as `plural.group`, namespace (empty when cluster-wide) and name."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One object as stored."""

    namespace: str
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write: ADDED, MODIFIED or DELETED, the object after it (for DELETED: its last state)."""

    revision: int
    type: str
    key: Key
    value: bytes
    previous: bytes | None


class Database:
    """One writer and one reader connection on one file, which no other process may open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StoreError: in use, damaged, not writable, or of a newer version.
        """
        self._path = path
        self._lock = _lock(path)
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, self._lock)
            try:
                self._writer = undo.enter_context(contextlib.closing(_connect(path)))
                _prepare(self._writer, path)
                self._reader = undo.enter_context(contextlib.closing(_connect(path)))
                self._reader.execute("PRAGMA query_only = ON")
            except (sqlite3.Error, OSError) as error:
                raise explain(error, path) from error
            self._open = undo.pop_all()

    def close(self) -> None:
        """Close the file; what is committed stays."""
        self._open.close()

    # The reader's side: what is committed, and only that.

    def state(self) -> tuple[int, int]:
        """Last revision and the revision up to which history is gone."""
        revision, compacted = self._reader.execute("SELECT revision, compacted FROM state").fetchone()
        return int(revision), int(compacted)

    def get(self, key: Key) -> bytes | None:
        """The object under a key."""
        return _one(self._reader, key)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside see one state of the file."""
        self._reader.execute("BEGIN")
        try:
            yield
        finally:
            self._reader.execute("COMMIT")

    def rows(self, resource: str, *, namespace: str, after: tuple[str, str], limit: int) -> list[Row]:
        """Objects of a resource ordered by namespace and name, those behind `after`, at most `limit` (-1: all)."""
        where = "resource = ? AND (namespace, name) > (?, ?)" + (" AND namespace = ?" if namespace else "")
        values = (resource, *after, *([namespace] if namespace else []), limit)
        found = self._reader.execute(
            f"SELECT namespace, name, value FROM objects WHERE {where} ORDER BY namespace, name LIMIT ?",  # noqa: S608
            values,
        )
        return [Row(*row) for row in found]

    def changes(self, resource: str, *, after: int) -> list[Change]:
        """History of a resource behind a revision, oldest first."""
        found = self._reader.execute(
            "SELECT revision, type, namespace, name, value, previous FROM history"
            " WHERE resource = ? AND revision > ? ORDER BY revision",
            (resource, after),
        )
        return [Change(row[0], row[1], Key(resource, row[2], row[3]), row[4], row[5]) for row in found]

    # The writer's side: one thread, one transaction at a time.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is stored durably when it ends, or nothing of it.

        Raises:
            StoreError: the file cannot be written; nothing is stored.
        """
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            yield
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """One write within a transaction: undone alone when it raises."""
        self._writer.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            if self._writer.in_transaction:  # SQLite itself ends the transaction on a full disk
                self._writer.execute("ROLLBACK TO one")
                self._writer.execute("RELEASE one")
            raise
        self._writer.execute("RELEASE one")

    def current(self, key: Key) -> bytes | None:
        """The object under a key, including uncommitted writes."""
        return _one(self._writer, key)

    def any_in(self, namespace: str) -> str | None:
        """The resource of some object in a namespace, including uncommitted writes."""
        row = self._writer.execute(
            "SELECT resource FROM objects WHERE namespace = ? LIMIT 1", (namespace,)
        ).fetchone()
        return None if row is None else str(row[0])

    def record(self, change: Change) -> None:
        """Store a change and its history."""
        resource, namespace, name = change.key
        if change.type == "DELETED":
            self._writer.execute(
                "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", tuple(change.key)
            )
        else:
            self._writer.execute(
                "INSERT INTO objects VALUES (?, ?, ?, ?, ?) ON CONFLICT (resource, namespace, name)"
                " DO UPDATE SET revision = excluded.revision, value = excluded.value",
                (resource, namespace, name, change.revision, change.value),
            )
        self._writer.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)",
            (change.revision, resource, namespace, name, change.type, change.value, change.previous),
        )

    def advance(self, revision: int) -> None:
        """Persist the last revision given out, so that none is ever used twice."""
        self._writer.execute("UPDATE state SET revision = ?", (revision,))

    def history_size(self) -> tuple[int, int]:
        """Number of changes kept and their bytes."""
        count, size = self._writer.execute(
            "SELECT count(*), coalesce(sum(length(value) + coalesce(length(previous), 0)), 0) FROM history"
        ).fetchone()
        return int(count), int(size)

    def compact(self, *, keep: int) -> None:
        """Forget history but for the newest `keep` changes."""
        row = self._writer.execute(
            "SELECT revision FROM history ORDER BY revision DESC LIMIT 1 OFFSET ?", (keep,)
        ).fetchone()
        if row is not None:
            self._writer.execute("DELETE FROM history WHERE revision <= ?", row)
            self._writer.execute("UPDATE state SET compacted = ?", row)


def explain(error: Exception, path: Path) -> StoreError:
    """SQLite's error as a sentence that says what to do."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return DiskFullError(
            f"the disk that holds {path.parent} is full; nothing of this write is stored, free space and try again"
        )
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{path} is damaged or no store of ours; move it away to start with an empty one")
    return StoreError(f"the store {path} cannot be used: {error}; check the folder's rights and free space")


def _one(connection: sqlite3.Connection, key: Key) -> bytes | None:
    row = connection.execute(
        "SELECT value FROM objects WHERE resource = ? AND namespace = ? AND name = ?", tuple(key)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _lock(path: Path) -> int:
    """Two writers would give out the same revisions; the lock ends with the process."""
    try:
        descriptor = os.open(
            path.with_name(path.name + "-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise StoreError(
            f"the folder {path.parent} is not writable: {error.strerror}; set OFN_HOME"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(f"another API server has the store {path} open; end it first (`ofn down`)") from None
    return descriptor


def _connect(path: Path) -> sqlite3.Connection:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "journal_size_limit = 16777216"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION});"
            " use that version, or another OFN_HOME"
        )
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
