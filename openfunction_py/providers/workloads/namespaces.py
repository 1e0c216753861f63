"""Namespace controller: a Namespace being deleted loses everything in it, then goes itself.

It never lets a Namespace go while the server still lists an object there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

import orjson

from openfunction_py.api import meta, scheme
from openfunction_py.api.upstream import core
from openfunction_py.controller import cache, types
from openfunction_py.controller import manager as managers
from openfunction_py.kube import errors

# Owners first: what they own goes with them, and what is left is deleted when it is seen again.
AGAIN = 1.0


class Reconciler:
    """Drives one Namespace that is being deleted."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._namespaces = manager.lister(core.Namespace)
        self._models = [one.model for one in scheme.RESOURCES if one.namespaced and one.model]

    async def reconcile(self, request: types.Request) -> types.Result:
        """Delete what the server lists in the Namespace; finalize it when that is nothing."""
        current = self._namespaces.get("", request.name)
        if current is None or not current.metadata.deletion_timestamp:
            return types.Result()
        left = 0
        for model in self._models:
            left += await self._empty(model, request.name)
        if left:
            return types.Result(requeue_after=AGAIN)
        await self._finalize(current)
        return types.Result()

    async def _empty(self, model: type[meta.Object], namespace: str) -> int:
        page = await self._client.list(model, namespace=namespace)
        async with asyncio.TaskGroup() as group:
            for one in page.items:
                if not one.metadata.deletion_timestamp:
                    group.create_task(self._client.delete(model, one.metadata.name, namespace=namespace))
        return len(page.items)

    async def _finalize(self, current: core.Namespace) -> None:
        body = current.to_wire()
        spec = {**(body.get("spec") or {}), "finalizers": []}
        code, answer, _ = await self._client.raw(
            "PUT",
            f"/api/v1/namespaces/{current.metadata.name}/finalize",
            body=orjson.dumps({**body, "spec": spec}),
            headers={"Content-Type": "application/json"},
        )
        if code >= 400 and code != 404:
            raise errors.from_status(code, answer)


def inside(namespaces: cache.Lister[core.Namespace]) -> Callable[[meta.Object], Iterable[types.Request]]:
    """Map an object to its Namespace when that is being deleted."""

    def to_requests(obj: meta.Object) -> Iterator[types.Request]:
        found = namespaces.get("", obj.metadata.namespace)
        if found is not None and found.metadata.deletion_timestamp:
            yield types.Request("", found.metadata.name)

    return to_requests


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    namespaces = manager.lister(core.Namespace)
    watches = [managers.Watch(core.Namespace, managers.by_self)]
    watches += [
        managers.Watch(one.model, inside(namespaces))
        for one in scheme.RESOURCES
        if one.namespaced and one.model
    ]
    manager.add("namespace", Reconciler(manager), watches=watches)
