"""State in a SQLite file (Dapr's `state.sqlite`), in tables that Dapr's own driver reads and writes as well.

One connection, used by one thread at a time; SQLite itself keeps other processes apart.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import Conflict, Item, StoreError, Write
from openfunction_eventing.drivers.tasks import Tasks

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST = 500  # variables in one statement
T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS {metadata} (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS {state} (
  key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL,
  expiration_time TIMESTAMP DEFAULT NULL, update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT OR IGNORE INTO {metadata} (key, value) VALUES ('migrations', '1');
"""
_ALIVE = "(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)"


async def open(component: Component) -> Sqlite:  # noqa: A001 - the name that `drivers` calls
    """Open or make the file; raises ComponentError."""
    state = _name(component, "tableName", "state")
    metadata = _name(component, "metadataTableName", "metadata")
    made = Sqlite(component, state)
    try:
        await asyncio.to_thread(made.connect, _TABLES.format(state=state, metadata=metadata))
    except sqlite3.Error as error:
        await made.close()
        where = component.text("connectionString")
        raise component.error(f"the database {where!r} cannot be opened: {error}") from error
    made.begin()
    return made


def _name(component: Component, key: str, default: str) -> str:
    found = component.text(key, default)
    if not _IDENTIFIER.fullmatch(found):
        raise component.error(f"metadata {key!r} is {found!r}; it must be letters, digits and _")
    return found


class Sqlite:
    """One table."""

    def __init__(self, component: Component, table: str) -> None:
        self._place = component.required("connectionString")
        self._table = table
        self._busy = component.seconds("busyTimeout", 2.0)
        self._timeout = component.seconds("timeout", component.seconds("timeoutInSeconds", 20.0))
        self._wal = not component.flag("disableWAL")
        clean = component.seconds("cleanupIntervalInSeconds", 3600.0)
        self._clean = component.seconds("cleanupInterval", clean)
        self._database: sqlite3.Connection | None = None
        self._one = asyncio.Lock()
        self._at_work: asyncio.Future[Any] | None = None  # of any type, as only its end is of interest
        self._tasks = Tasks()
        self._trouble = ""

    def connect(self, tables: str) -> None:
        """Open the file and make the tables; in whatever thread."""
        is_uri = self._place.startswith("file:")
        self._database = sqlite3.connect(
            self._place, timeout=self._busy, isolation_level=None, check_same_thread=False, uri=is_uri
        )
        if self._wal and ":memory:" not in self._place and "mode=memory" not in self._place:
            self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(f"BEGIN IMMEDIATE; {tables} COMMIT;")

    def begin(self) -> None:
        """Remove what is over now and then."""
        if self._clean:
            self._tasks.start(self._cleaning())

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """See `port.StateStore`."""
        return await self._run(lambda database: self._select(database, keys))

    async def write(self, writes: Sequence[Write]) -> None:
        """See `port.StateStore`."""
        await self._run(lambda database: self._apply_all(database, writes))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._one:
            database = self._database
            if database is None:
                raise StoreError("the store is closed")
            try:
                async with asyncio.timeout(self._timeout):
                    await self._left()
                    working = asyncio.get_running_loop().run_in_executor(None, work, database)
                    self._at_work = working
                    result = await asyncio.shield(working)
            except (sqlite3.Error, TimeoutError) as error:
                self._trouble = str(error) or f"it took longer than {self._timeout:g} s"
                raise StoreError(f"the database {self._place!r} failed: {self._trouble}") from error
            self._trouble = ""
            return result

    async def _left(self) -> None:
        """Wait for the statements of whoever gave up: there is one connection, and theirs may be half a transaction."""
        if self._at_work is not None and not self._at_work.done():
            await asyncio.wait([self._at_work])

    def _select(self, database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for at in range(0, len(keys), _MOST):
            some = list(keys[at : at + _MOST])
            marks = ",".join("?" * len(some))
            rows = database.execute(
                f"SELECT key, value, is_binary, etag, CAST(strftime('%s', expiration_time) AS REAL) "  # noqa: S608 - the name was checked
                f"FROM {self._table} WHERE key IN ({marks}) AND {_ALIVE}",
                some,
            )
            for key, value, is_binary, etag, until in rows:
                text = value.encode() if isinstance(value, str) else bytes(value)
                found[key] = Item(base64.b64decode(text) if is_binary else text, etag, until)
        return found

    def _apply_all(self, database: sqlite3.Connection, writes: Sequence[Write]) -> None:
        database.execute("BEGIN IMMEDIATE")
        try:
            for one in writes:
                self._apply(database, one)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def _apply(self, database: sqlite3.Connection, one: Write) -> None:
        present = self._select(database, [one.key]).get(one.key)
        if one.etag is not None and (present is None or present.etag != one.etag):
            raise Conflict(f"key {one.key!r} has another ETag than {one.etag!r}")
        if one.etag is None and one.first_write and present is not None:
            raise Conflict(f"key {one.key!r} is there already")
        if one.value is None:
            database.execute(f"DELETE FROM {self._table} WHERE key = ?", [one.key])  # noqa: S608 - as above
            return
        text, is_binary = _stored(one.value)
        until = "NULL" if one.ttl is None else "DATETIME(CURRENT_TIMESTAMP, ?)"
        given = [one.key, text, is_binary, str(uuid4())]
        database.execute(
            f"INSERT OR REPLACE INTO {self._table} (key, value, is_binary, etag, update_time, expiration_time) "  # noqa: S608 - as above
            f"VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, {until})",
            given if one.ttl is None else [*given, f"+{one.ttl} seconds"],
        )

    async def _cleaning(self) -> None:
        statement = f"DELETE FROM {self._table} WHERE NOT {_ALIVE}"  # noqa: S608 - as above
        while True:
            await asyncio.sleep(self._clean)
            with contextlib.suppress(StoreError):  # health tells it
                await self._run(lambda database: database.execute(statement).close())

    async def close(self) -> None:
        """See `port.StateStore`."""
        await self._tasks.end()
        async with self._one:
            database, self._database = self._database, None
            await self._left()
            if database is not None:
                await asyncio.to_thread(database.close)

    def health(self) -> str:
        """See `port.StateStore`."""
        return self._trouble if self._database is not None else "the store is closed"


def _stored(value: bytes) -> tuple[str, bool]:
    """Text as it is, anything else in base64, as Dapr has it."""
    try:
        return value.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), True
