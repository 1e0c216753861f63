"""State stores of the fake sidecar: values by key, each with an ETag that changes with it, and questions to them.

Time to live is kept as metadata only: nothing here ever expires.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions_framework import jsons
from functions_framework.dapr.fake import queries, replies
from functions_framework.dapr.port import Ask, Reply


@dataclass(frozen=True, slots=True)
class Kept:
    """One value: its bytes, its version, and what was saved beside it."""

    data: bytes
    version: int
    metadata: Mapping[str, str]

    @property
    def etag(self) -> str:
        """Names this version."""
        return str(self.version)


class Store(MutableMapping[str, Any]):
    """One store: JSON values as they are, anything else as bytes."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self._version = 0

    def __getitem__(self, key: str) -> Any:
        data = self.kept[key].data
        try:
            return jsons.loads(data)
        except jsons.DecodeError:
            return data

    def __setitem__(self, key: str, value: Any) -> None:
        self.put(key, value if isinstance(value, bytes) else jsons.dumps(value))

    def __delitem__(self, key: str) -> None:
        del self.kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    def __repr__(self) -> str:
        return f"Store({dict(self)!r})"

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Keep bytes as a new version."""
        self._version += 1
        self.kept[key] = Kept(data, self._version, dict(metadata or {}))

    def fits(self, key: str, etag: str) -> bool:
        """True when this is the version that is kept; no ETag fits every one."""
        found = self.kept.get(key)
        return not etag or (found is not None and found.etag == etag)


class States(dict[str, Store]):
    """The stores by name; a store is there once it is named, or was given as a dict of its values."""

    def __missing__(self, name: str) -> Store:
        made = self[name] = Store()
        return made

    def __setitem__(self, name: str, values: Mapping[str, Any]) -> None:
        made = values if isinstance(values, Store) else Store()
        if made is not values:
            made.update(values)
        super().__setitem__(name, made)

    def answer(self, ask: Ask[Any], parts: Sequence[str]) -> Reply:
        """Answer one question of the state API."""
        store, rest = self[parts[0]], "/".join(parts[1:])
        match ask.method, rest:
            case ("GET", key):
                return _read(store, key)
            case ("DELETE", key):
                return _change(store, [{"key": key, "etag": ask.headers.get("if-match", "")}], removes=True)
            case (_, ""):
                return _change(store, jsons.loads(replies.body(ask)), removes=False)
            case (_, "bulk"):
                return replies.of_json([_entry(store, key) for key in jsons.loads(replies.body(ask))["keys"]])
            case (_, "transaction"):
                return _transact(store, jsons.loads(replies.body(ask))["operations"])
            case (_, "query"):
                return replies.of_json(queries.run(dict(store), jsons.loads(replies.body(ask))))
        return replies.refusal(405, "ERR_METHOD", f"{ask.method} means nothing here")


def _read(store: Store, key: str) -> Reply:
    found = store.kept.get(key)
    return Reply(204) if found is None else Reply(200, {"etag": found.etag}, found.data)


def _entry(store: Store, key: str) -> dict[str, Any]:
    found = store.kept.get(key)
    if found is None:
        return {"key": key}
    value = store[key]
    data = b64encode(value).decode() if isinstance(value, bytes) else value
    return {"key": key, "data": data, "etag": found.etag}


def _change(store: Store, changes: Sequence[Mapping[str, Any]], *, removes: bool) -> Reply:
    for one in changes:
        if not store.fits(one["key"], one.get("etag", "")):
            return _conflict(one["key"])
        _apply(store, one, removes=removes)
    return Reply(204)


def _transact(store: Store, operations: Sequence[Mapping[str, Any]]) -> Reply:
    for one in operations:
        request = one["request"]
        if not store.fits(request["key"], request.get("etag", "")):
            return _conflict(request["key"])
    for one in operations:
        _apply(store, one["request"], removes=one["operation"] == "delete")
    return Reply(204)


def _apply(store: Store, one: Mapping[str, Any], *, removes: bool) -> None:
    if removes:
        store.kept.pop(one["key"], None)
        return
    metadata, value = one.get("metadata", {}), one["value"]
    is_bytes = metadata.get("contentType") == "application/octet-stream"
    store.put(one["key"], b64decode(value) if is_bytes else jsons.dumps(value), metadata)


def _conflict(key: str) -> Reply:
    return replies.refusal(409, "ERR_STATE_SAVE", f"possible etag mismatch of {key!r}")
