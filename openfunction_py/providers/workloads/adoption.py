"""Adoption: a controller takes in what its selector matches and nobody controls.

It never takes anything from another controller, and nothing at all without a selector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps
from openfunction_py.controller import cache
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors

T = TypeVar("T", bound=meta.Object)
Owner = apps.Deployment | apps.ReplicaSet | apps.StatefulSet


async def members(client: clients.Client, owner: Owner, known: cache.Lister[T]) -> list[T]:
    """What the owner controls, after taking in what is free; objects of the cache are never changed.

    Raises:
        errors.Conflict: a free object changed meanwhile; look again.
    """
    owned = known.owned_by(owner.metadata.uid)
    selector = owner.spec.selector
    if not selector.match_labels or selector.match_expressions:
        return owned
    free = _free(owner, known, selector.match_labels)
    if not free or not await _is_alive(client, owner):
        return owned
    return [*owned, *[await _adopt(client, owner, one) for one in free]]


async def _is_alive(client: clients.Client, owner: Owner) -> bool:
    """Whether the server still has this very owner: what a dead one takes in would be collected as garbage."""
    try:
        found = await client.get(type(owner), owner.metadata.name, namespace=owner.metadata.namespace)
    except errors.NotFound:
        return False
    return found.metadata.uid == owner.metadata.uid and not found.metadata.deletion_timestamp


def _free(owner: Owner, known: cache.Lister[T], labels: Mapping[str, str]) -> list[T]:
    return [
        one
        for one in known.list(owner.metadata.namespace, labels=labels)
        if meta.controller_of(one) is None and not one.metadata.deletion_timestamp
    ]


async def _adopt(client: clients.Client, owner: Owner, found: T) -> T:
    references = [one.to_wire() for one in found.metadata.owner_references if one.uid != owner.metadata.uid]
    change = {
        "metadata": {
            "ownerReferences": [*references, meta.owner_of(owner).to_wire()],
            "resourceVersion": found.metadata.resource_version,
        }
    }
    return await client.patch(
        type(found), found.metadata.name, change, namespace=found.metadata.namespace, kind="merge"
    )
