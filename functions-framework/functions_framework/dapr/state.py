"""Questions to a state store: get, save, delete, in bulk, in a transaction, by query; with ETag and time to live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from functions_framework import jsons
from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.spelling import JSON_HEADERS, Metadata, alpha, embedded, path, query

Consistency = Literal["", "eventual", "strong"]
Concurrency = Literal["", "first-write", "last-write"]


@dataclass(frozen=True, slots=True)
class Item:
    """A key's state as it was read.

    Attributes:
        key: the key.
        data: the stored bytes; empty when there is no such key.
        etag: names this version; empty when there is no such key, or the store has none.
        error: why this one of a bulk could not be read; empty when it could.
    """

    key: str
    data: bytes = b""
    etag: str = ""
    error: str = ""

    def __bool__(self) -> bool:
        return bool(self.data)

    @property
    def value(self) -> Any:  # Any: JSON
        """The state as JSON; None when there is none. Raises ValueError for bytes that are no JSON."""
        return jsons.loads(self.data) if self.data else None


@dataclass(frozen=True, slots=True)
class Change:
    """A state to save, or with `delete` to remove; `ttl` in seconds, 0 for ever."""

    key: str
    value: Any = None  # Any: JSON; bytes that hold JSON or text
    etag: str = ""
    ttl: int = 0
    delete: bool = False
    metadata: Metadata = field(default_factory=dict)
    concurrency: Concurrency = ""
    consistency: Consistency = ""

    def document(self) -> dict[str, Any]:
        """As Dapr spells it; raises TypeError for bytes that are neither JSON nor text."""
        metadata = dict(self.metadata)
        if self.ttl:
            metadata["ttlInSeconds"] = str(self.ttl)
        options = {"concurrency": self.concurrency, "consistency": self.consistency}
        whole = {
            "key": self.key,
            "value": None if self.delete else embedded(self.value),
            "etag": self.etag,
            "metadata": metadata,
            "options": {name: given for name, given in options.items() if given},
        }
        keeps_value = {"value"} if not self.delete else set()
        return {name: given for name, given in whole.items() if given or name in keeps_value}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a query: its items, and the token of the next page (empty on the last)."""

    items: tuple[Item, ...]
    token: str = ""


def get(
    store: str, key: str, *, consistency: Consistency = "", metadata: Metadata | None = None
) -> Ask[Item]:
    """Read one key; of a key that is not there the item is empty, and false."""
    return Ask(
        "get state",
        store,
        path("state", store, key) + query(metadata, consistency=consistency),
        lambda reply: Item(key, reply.body, reply.headers.get("etag", "")),
        method="GET",
        facts={"store": store, "key": key},
        repeatable=True,
    )


def get_bulk(
    store: str, keys: Sequence[str], *, parallelism: int = 10, metadata: Metadata | None = None
) -> Ask[dict[str, Item]]:
    """Read several keys; each is there, empty when the store has none."""

    def read(reply: Reply) -> dict[str, Item]:
        found = {one["key"]: _item(one) for one in reply.json() or []}
        return {key: found.get(key, Item(key)) for key in keys}

    return Ask(
        "get state in bulk",
        store,
        path("state", store, "bulk") + query(metadata),
        read,
        body=jsons.dumps({"keys": list(keys), "parallelism": parallelism}),
        headers=JSON_HEADERS,
        facts={"store": store, "keys": tuple(keys)},
        repeatable=True,
    )


def save(  # noqa: PLR0913  # what Dapr lets one say of a key, by keyword
    store: str,
    key: str,
    value: Any,
    *,
    etag: str = "",
    ttl: int = 0,
    metadata: Metadata | None = None,
    concurrency: Concurrency = "",
    consistency: Consistency = "",
) -> Ask[None]:
    """Save one key; with `etag` only if it has not changed since, else StateConflict. `ttl` in seconds."""
    concurrency = concurrency or ("first-write" if etag else "")
    change = Change(
        key, value, etag, ttl, metadata=dict(metadata or {}), concurrency=concurrency, consistency=consistency
    )
    return save_bulk(store, [change])


def save_bulk(store: str, changes: Iterable[Change], *, metadata: Metadata | None = None) -> Ask[None]:
    """Save several keys; not as one transaction."""
    listed = list(changes)
    return Ask(
        "save state",
        store,
        path("state", store) + query(metadata),
        _nothing,
        body=jsons.dumps([one.document() for one in listed]),
        headers=JSON_HEADERS,
        facts={"store": store, "changes": tuple(listed)},
        repeatable=not any(one.etag for one in listed),
    )


def delete(
    store: str,
    key: str,
    *,
    etag: str = "",
    metadata: Metadata | None = None,
    concurrency: Concurrency = "",
    consistency: Consistency = "",
) -> Ask[None]:
    """Remove one key; with `etag` only if it has not changed since, else StateConflict."""
    concurrency = concurrency or ("first-write" if etag else "")
    return Ask(
        "delete state",
        store,
        path("state", store, key) + query(metadata, concurrency=concurrency, consistency=consistency),
        _nothing,
        method="DELETE",
        headers={"if-match": etag} if etag else {},
        facts={"store": store, "key": key, "etag": etag},
        repeatable=not etag,
    )


def transaction(store: str, changes: Iterable[Change], *, metadata: Metadata | None = None) -> Ask[None]:
    """Do every change or none."""
    listed = list(changes)
    operations = [
        {"operation": "delete" if one.delete else "upsert", "request": one.document()} for one in listed
    ]
    return Ask(
        "change state",
        store,
        path("state", store, "transaction"),
        _nothing,
        body=jsons.dumps({"operations": operations, "metadata": dict(metadata or {})}),
        headers=JSON_HEADERS,
        facts={"store": store, "changes": tuple(listed)},
        repeatable=not any(one.etag for one in listed),
    )


def search(store: str, document: Mapping[str, Any], *, metadata: Metadata | None = None) -> Ask[Found]:
    """Read by a query document: `filter`, `sort`, `page`; of the stores that can."""

    def read(reply: Reply) -> Found:
        told = reply.json() or {}
        return Found(tuple(_item(one) for one in told.get("results") or []), told.get("token") or "")

    return Ask(
        "query state",
        store,
        alpha("state", store, "query") + query(metadata),
        read,
        body=jsons.dumps(dict(document)),
        headers=JSON_HEADERS,
        facts={"store": store, "query": dict(document)},
        repeatable=True,
    )


def _item(one: Mapping[str, Any]) -> Item:
    data = one.get("data")
    return Item(
        one["key"], b"" if data is None else jsons.dumps(data), one.get("etag") or "", one.get("error") or ""
    )


def _nothing(reply: Reply) -> None:
    del reply
