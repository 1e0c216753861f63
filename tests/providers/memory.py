"""Caches and a client in memory, for tests of one controller on a clock that tests move.

It stores what is written at once and checks nothing: what needs an API server's rules runs on a real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from openfunction_py.api import meta
from openfunction_py.controller import cache
from openfunction_py.lib import clock

T = TypeVar("T", bound=meta.Object)


class Memory:
    """What a controller takes from its manager: client, clock and listers."""

    def __init__(self) -> None:
        """Hold nothing at the beginning of time."""
        self.client = self
        self.clock = clock.FakeClock()
        self.writes: list[str] = []
        self._caches: dict[type[meta.Object], Any] = {}
        self._version = 0

    def lister(self, model: type[T]) -> cache.Cache[T]:
        """The cache of a kind."""
        return self._caches.setdefault(model, cache.Cache())  # type: ignore[no-any-return] # one map for all kinds

    def put(self, obj: T) -> T:
        """Store an object as it is, with a new version."""
        self._version += 1
        body = obj.to_wire()
        body["metadata"] = {
            "uid": f"uid-{obj.metadata.name}",
            "generation": 1,
            **body["metadata"],
            "resourceVersion": str(self._version),
        }
        stored = type(obj).model_validate(body)
        self.lister(type(obj)).put(stored)
        return stored

    async def apply(self, obj: T, *, manager: str, force: bool = True, subresource: str = "") -> T:
        """Merge what is applied into what is there."""
        self.writes.append(f"{obj.kind}{'/' + subresource if subresource else ''}")
        before = self.lister(type(obj)).get(obj.metadata.namespace, obj.metadata.name)
        merged = {**(before.to_wire() if before else {}), **obj.to_wire()}
        if before:
            merged["metadata"] = {**before.to_wire()["metadata"], **obj.to_wire()["metadata"]}
        return self.put(type(obj).model_validate(merged))

    async def create(self, obj: T) -> T:
        """Store a new object."""
        self.writes.append(obj.kind)
        return self.put(obj)

    async def patch(
        self, model: type[T], name: str, patch: Mapping[str, Any], *, namespace: str = "", **_: object
    ) -> T:
        """Merge a patch of a spec."""
        before = self.lister(model).get(namespace, name)
        assert before is not None
        self.writes.append(f"{before.kind}/scale")
        body = before.to_wire()
        return self.put(model.model_validate({**body, "spec": {**body["spec"], **patch["spec"]}}))
