"""State: keys with the prefix of the app, changes with ETags, transactions; both transports end here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import Conflict, Item, StateStore, Write
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.catalog import Catalog

_SEPARATOR = "||"
FIRST_WRITE = "first-write"
TTL_EXPIRE = "ttlExpireTime"


def metadata_of(item: Item) -> dict[str, str]:
    """What Dapr tells of a stored value beside its ETag."""
    if item.until is None:
        return {}
    return {TTL_EXPIRE: datetime.fromtimestamp(int(item.until), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


@dataclass(frozen=True, slots=True)
class Change:
    """A key to save, or with no value to delete.

    Attributes:
        etag: the ETag that must be the present one; empty asks nothing.
        ttl: what the metadata `ttlInSeconds` says; empty keeps the key.
    """

    key: str
    value: bytes | None
    etag: str = ""
    concurrency: str = ""
    ttl: str = ""


class States:
    """The state stores of the app `app`."""

    def __init__(self, catalog: Catalog, app: str, *, namespace: str = "") -> None:
        self._catalog = catalog
        self._app = app
        self._namespace = namespace

    async def get(self, store: str, keys: Sequence[str]) -> dict[str, Item]:
        """Those of the keys that there are; raises Refusal."""
        driver, prefix = self._open(store)
        named = {key: _key(prefix, key) for key in keys}
        try:
            found = await driver.get(list(named.values()))
        except EventingError as error:
            sentence = f"fail to get {', '.join(keys)} from state store {store}: {error}"
            raise refusals.state_failed("ERR_STATE_GET", sentence) from error
        return {key: found[full] for key, full in named.items() if full in found}

    async def save(self, store: str, changes: Sequence[Change]) -> None:
        """Save or delete keys, each by itself: one that fails does not undo those before it. Raises Refusal."""
        driver, prefix = self._open(store)
        writes = [_write(prefix, one) for one in changes]
        for one, write in zip(changes, writes, strict=True):
            await self._change(driver, [write], *_told(store, one))

    async def transact(self, store: str, changes: Sequence[Change]) -> None:
        """Do every change or none; raises Refusal."""
        driver, prefix = self._open(store)
        writes = [_write(prefix, one) for one in changes]
        try:
            await driver.write(writes)
        except EventingError as error:  # a conflict too is a 500 here, as with Dapr
            sentence = f"error while executing state transaction: {error}"
            raise refusals.state_failed("ERR_STATE_TRANSACTION", sentence) from error

    def require(self, store: str) -> None:
        """Raise Refusal when there is no such store."""
        self._catalog.state(store)

    @staticmethod
    async def _change(driver: StateStore, writes: Sequence[Write], code: str, sentence: str) -> None:
        try:
            await driver.write(writes)
        except Conflict as error:
            raise refusals.state_conflict(code, f"{sentence}: {error}") from error
        except EventingError as error:
            raise refusals.state_failed(code, f"{sentence}: {error}") from error

    def _open(self, store: str) -> tuple[StateStore, str]:
        driver = self._catalog.state(store)
        return driver, self._prefix(self._catalog.components[store])

    def _prefix(self, component: Component) -> str:
        told = component.text("keyPrefix", "appid").lower()
        if told == "none" or (told in {"appid", "namespace"} and not self._app):
            return ""
        space = f"{self._namespace}." if self._namespace else ""
        named = {"appid": self._app, "name": component.name, "namespace": f"{space}{self._app}"}
        return named.get(told, told) + _SEPARATOR


def _key(prefix: str, key: str) -> str:
    if _SEPARATOR in key:
        raise refusals.bad_key(key)
    return prefix + key


def _write(prefix: str, one: Change) -> Write:
    first = one.concurrency == FIRST_WRITE and not one.etag
    return Write(_key(prefix, one.key), one.value, one.etag or None, first, _ttl(one.ttl))


def _ttl(told: str) -> int | None:
    """Seconds; none for 0 and below, which keep the key for ever."""
    if not told:
        return None
    try:
        seconds = int(told)
    except ValueError:
        sentence = f"failed saving state: ttlInSeconds is {told!r}; it must be whole seconds"
        raise refusals.state_failed("ERR_STATE_SAVE", sentence) from None
    return seconds if seconds > 0 else None


def _told(store: str, one: Change) -> tuple[str, str]:
    if one.value is None:
        return "ERR_STATE_DELETE", f"failed deleting state with key {one.key}"
    return "ERR_STATE_SAVE", f"failed saving state in state store {store}"
