"""The last known state of one kind, and the read-only view of it that reconcilers have.

Does no I/O; what it holds may lag behind the server.
"""

from __future__ import annotations

import asyncio
import builtins
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.controller.types import Request, request_of

T = TypeVar("T", bound=Object)
Listener = Callable[[T | None, T | None], None]


class Lister(Protocol[T]):
    """A read-only view of a cache; objects are frozen and may be shared."""

    def get(self, namespace: str, name: str) -> T | None:
        """One object."""
        ...

    def list(
        self, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> builtins.list[T]:
        """The objects of one namespace, or of all (None), that carry all the labels; in order of their keys."""
        ...

    def owned_by(self, uid: str) -> builtins.list[T]:
        """The objects with an owner reference to that uid."""
        ...


class Cache(Generic[T]):
    """Objects by key, by namespace and by owner; tells its listeners of every change."""

    def __init__(self) -> None:
        """Hold nothing; `synced` is set by the first complete list."""
        self.synced = asyncio.Event()
        self._objects: dict[Request, T] = {}
        self._by_namespace: defaultdict[str, set[Request]] = defaultdict(set)
        self._by_owner: defaultdict[str, set[Request]] = defaultdict(set)
        self._listeners: builtins.list[Listener[T]] = []

    def listen(self, listener: Listener[T]) -> None:
        """Call with (old, new) at each change; with (None, object) at once for what is held already."""
        self._listeners.append(listener)
        for obj in self._objects.values():
            listener(None, obj)

    def get(self, namespace: str, name: str) -> T | None:
        """One object."""
        return self._objects.get(Request(namespace, name))

    def list(
        self, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> builtins.list[T]:
        """The objects of one namespace, or of all (None), that carry all the labels; in order of their keys."""
        keys = self._objects if namespace is None else self._by_namespace.get(namespace, ())
        wanted = (labels or {}).items()
        return [obj for obj in self._in_order(keys) if wanted <= obj.metadata.labels.items()]

    def owned_by(self, uid: str) -> builtins.list[T]:
        """The objects with an owner reference to that uid, in order of their keys."""
        return self._in_order(self._by_owner.get(uid, ()))

    def put(self, obj: T) -> None:
        """Take a new state; one that is held already changes nothing."""
        key = request_of(obj)
        old = self._objects.get(key)
        if old is not None:
            if old.metadata.resource_version == obj.metadata.resource_version:
                return
            self._unindex(key, old)
        self._objects[key] = obj
        self._index(key, obj)
        self._tell(old, obj)

    def drop(self, obj: T) -> None:
        """Forget an object; its last state is what listeners are told."""
        key = request_of(obj)
        old = self._objects.pop(key, None)
        if old is not None:
            self._unindex(key, old)
            self._tell(old, None)

    def replace(self, items: Iterable[T]) -> None:
        """Take a complete list; what it lacks was deleted while nobody watched."""
        listed = {request_of(obj): obj for obj in items}
        for key in [key for key in self._objects if key not in listed]:
            self.drop(self._objects[key])
        for obj in listed.values():
            self.put(obj)
        self.synced.set()

    def _in_order(self, keys: Iterable[Request]) -> builtins.list[T]:
        return [self._objects[key] for key in sorted(keys)]

    def _index(self, key: Request, obj: T) -> None:
        self._by_namespace[key.namespace].add(key)
        for owner in obj.metadata.owner_references:
            self._by_owner[owner.uid].add(key)

    def _unindex(self, key: Request, obj: T) -> None:
        _discard(self._by_namespace, key.namespace, key)
        for owner in obj.metadata.owner_references:
            _discard(self._by_owner, owner.uid, key)

    def _tell(self, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(old, new)


def _discard(index: defaultdict[str, set[Request]], entry: str, key: Request) -> None:
    index[entry].discard(key)
    if not index[entry]:
        del index[entry]
