"""Garbage collector: deletes what no owner is left for, over every kind of the scheme.

An owner counts only with its uid; a cache that lacks one is never believed without asking the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from openfunction_py.api import meta, scheme
from openfunction_py.controller import cache, types
from openfunction_py.controller import manager as managers
from openfunction_py.kube import errors
from openfunction_py.lib import log

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
SEPARATOR = "|"

logger = log.get("garbage")

Listers = Mapping[str, cache.Lister[meta.Object]]


class Reconciler:
    """Drives one object of any kind: collects it, or serves the finalizer that waits for its dependents."""

    def __init__(self, manager: managers.Manager, listers: Listers) -> None:
        """Read through one lister per kind, by the kind's key."""
        self._client = manager.client
        self._listers = listers

    async def reconcile(self, request: types.Request) -> types.Result:
        """Delete the object when all its owners are gone; let go of it when its dependents are."""
        key, _, name = request.name.partition(SEPARATOR)
        lister = self._listers.get(key)
        current = lister.get(request.namespace, name) if lister else None
        if current is None:
            return types.Result()
        finalizers = current.metadata.finalizers
        if current.metadata.deletion_timestamp and FOREGROUND in finalizers:
            await self._foreground(current)
        elif current.metadata.deletion_timestamp and ORPHAN in finalizers:
            await self._orphan(current)
        elif not current.metadata.deletion_timestamp and await self._is_garbage(current):
            logger.info(
                "deleting an object without an owner", key=key, namespace=request.namespace, name=name
            )
            await self._delete(current, propagation="Background")
        return types.Result()

    async def _is_garbage(self, obj: meta.Object) -> bool:
        owners = obj.metadata.owner_references
        if not owners:
            return False
        for owner in owners:
            if await self._exists(owner, namespace=obj.metadata.namespace):
                return False
        return True

    async def _exists(self, owner: meta.OwnerReference, *, namespace: str) -> bool:
        """Whether this very owner is alive; the cache may say yes, only the server may say no."""
        resource = scheme.by_kind(owner.api_version, owner.kind)
        if resource is None or resource.model is None:
            return True  # a kind nobody here knows: its owner is somebody else's business
        place = namespace if resource.namespaced else ""
        lister = self._listers.get(key_of(resource))
        cached = lister.get(place, owner.name) if lister else None
        if cached is not None and cached.metadata.uid == owner.uid:
            return True
        try:
            found = await self._client.get(resource.model, owner.name, namespace=place)
        except errors.NotFound:
            return False
        return found.metadata.uid == owner.uid

    async def _foreground(self, owner: meta.Object) -> None:
        """Delete the dependents, and let the owner go when none is left that holds it."""
        holding = [
            one
            for one in self.dependents(owner)
            if any(ref.uid == owner.metadata.uid and ref.block_owner_deletion for ref in _references(one))
        ]
        async with asyncio.TaskGroup() as group:
            for one in self.dependents(owner):
                if not one.metadata.deletion_timestamp and not self._has_other_owner(one, owner):
                    group.create_task(
                        self._delete(one, propagation="Foreground" if one in holding else "Background")
                    )
        if not holding:
            await self._release(owner, FOREGROUND)

    def _has_other_owner(self, obj: meta.Object, owner: meta.Object) -> bool:
        return any(ref.uid != owner.metadata.uid and self._cached(ref, obj) for ref in _references(obj))

    def _cached(self, ref: meta.OwnerReference, obj: meta.Object) -> bool:
        resource = scheme.by_kind(ref.api_version, ref.kind)
        lister = self._listers.get(key_of(resource)) if resource else None
        if resource is None or lister is None:
            return True
        found = lister.get((obj.metadata.namespace) if resource.namespaced else "", ref.name)
        return found is not None and found.metadata.uid == ref.uid and not found.metadata.deletion_timestamp

    async def _orphan(self, owner: meta.Object) -> None:
        """Take the owner's reference off its dependents, then let the owner go."""
        async with asyncio.TaskGroup() as group:
            for one in self.dependents(owner):
                kept = [ref.to_wire() for ref in _references(one) if ref.uid != owner.metadata.uid]
                change = {
                    "metadata": {"ownerReferences": kept, "resourceVersion": one.metadata.resource_version}
                }
                group.create_task(self._patch(one, change))
        await self._release(owner, ORPHAN)

    async def _release(self, obj: meta.Object, finalizer: str) -> None:
        kept = [one for one in obj.metadata.finalizers if one != finalizer]
        change = {"metadata": {"finalizers": kept, "resourceVersion": obj.metadata.resource_version}}
        try:
            await self._patch(obj, change)
        except errors.NotFound:
            return  # gone already: there is nothing left to let go

    async def _patch(self, obj: meta.Object, change: Mapping[str, object]) -> None:
        await self._client.patch(
            type(obj), obj.metadata.name, change, namespace=obj.metadata.namespace, kind="merge"
        )

    async def _delete(self, obj: meta.Object, *, propagation: str) -> None:
        try:
            await self._client.delete(
                type(obj),
                obj.metadata.name,
                namespace=obj.metadata.namespace,
                propagation=propagation,
                uid=obj.metadata.uid,
            )
        except errors.Conflict:
            logger.debug("the object was replaced by another of its name", name=obj.metadata.name)

    def dependents(self, owner: meta.Object) -> list[meta.Object]:
        """Every cached object that names this owner, by uid."""
        return [one for lister in self._listers.values() for one in lister.owned_by(owner.metadata.uid)]


def _references(obj: meta.Object) -> Iterable[meta.OwnerReference]:
    return obj.metadata.owner_references


def key_of(resource: scheme.Resource) -> str:
    """The word a kind has in this queue."""
    return f"{resource.kind}.{resource.api_version}"


def requests_of(
    resource: scheme.Resource, listers: Listers
) -> Callable[[meta.Object], Iterator[types.Request]]:
    """Map a changed object to itself, to the owners that wait for it, and when it is going to its dependents."""

    def to_requests(obj: meta.Object) -> Iterator[types.Request]:
        namespace = obj.metadata.namespace
        yield _request(resource, namespace, obj.metadata.name)
        present = listers[key_of(resource)].get(namespace, obj.metadata.name)
        staying = present is not None and present.metadata.uid == obj.metadata.uid
        if staying and not obj.metadata.deletion_timestamp:
            return
        for ref in obj.metadata.owner_references:
            owner = scheme.by_kind(ref.api_version, ref.kind)
            if owner is not None and ref.block_owner_deletion:
                yield _request(owner, namespace if owner.namespaced else "", ref.name)
        for key, lister in listers.items():
            for one in lister.owned_by(obj.metadata.uid):
                yield types.Request(one.metadata.namespace, f"{key}{SEPARATOR}{one.metadata.name}")

    return to_requests


def _request(resource: scheme.Resource, namespace: str, name: str) -> types.Request:
    return types.Request(namespace, f"{key_of(resource)}{SEPARATOR}{name}")


def install(manager: managers.Manager) -> None:
    """Run the collector over every kind that can be owned or own; Events are too many and never do."""
    resources = [one for one in scheme.RESOURCES if one.model is not None and one.kind != "Event"]
    listers = {key_of(one): manager.lister(one.model) for one in resources if one.model}
    watches = [managers.Watch(one.model, requests_of(one, listers)) for one in resources if one.model]
    manager.add("garbage", Reconciler(manager, listers), watches=watches, workers=4)
