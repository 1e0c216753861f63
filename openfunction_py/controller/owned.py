"""What an object has made: applied where it differs from what is wanted, deleted where it is wanted no more.

It looks through caches and decides nothing about what is wanted.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.controller import manager as managers
from openfunction_py.controller.cache import Lister


class NotOwnedError(Exception):
    """An object of that kind and name is there and belongs to something else."""

    def __init__(self, found: meta.Object, owner: meta.Object) -> None:
        """Keep which object is in the way, and of whom it should be."""
        self.found = found
        name = found.metadata.name
        super().__init__(
            f"there is a {found.kind} {name} that is not of the {owner.kind} {owner.metadata.name}; delete it"
        )


class Owned:
    """The objects of some kinds that others own."""

    def __init__(
        self, manager: managers.Manager, models: Sequence[type[meta.Object]], *, writer: str
    ) -> None:
        """Read through the manager's caches; write through its client as `writer`."""
        self._client = manager.client
        self._writer = writer
        self._listers: dict[type[meta.Object], Lister[meta.Object]] = {
            model: manager.lister(model) for model in models
        }

    def found(self, one: meta.Object) -> meta.Object | None:
        """The object of that kind and name as the cache has it."""
        return self._listers[type(one)].get(one.metadata.namespace, one.metadata.name)

    async def make(self, wanted: Iterable[meta.Object], owner: meta.Object) -> None:
        """Apply what differs, in order.

        Raises:
            NotOwnedError: the place of one is taken.
            errors.ApiError: the server refuses one.
        """
        for one in wanted:
            found = self.found(one)
            if found is not None and not is_of(found, owner):
                raise NotOwnedError(found, owner)
            if found is None or not holds(found, one):
                await self._client.apply(one, manager=self._writer)

    async def remove_others(
        self, owner: meta.Object, keep: Iterable[meta.Object], *, label: str = ""
    ) -> None:
        """Delete what the owner has of these kinds and bears a label, if one is given, save what is kept."""
        names = {(type(one), one.metadata.namespace, one.metadata.name) for one in keep}
        for lister in self._listers.values():
            for one in lister.owned_by(owner.metadata.uid):
                about = one.metadata
                wanted = (type(one), about.namespace, about.name) in names
                if not wanted and (not label or label in about.labels):
                    await self._client.delete(type(one), about.name, namespace=about.namespace, uid=about.uid)


def is_of(one: meta.Object, owner: meta.Object) -> bool:
    """Whether the owner is among the owners of an object, by uid."""
    return any(reference.uid == owner.metadata.uid for reference in one.metadata.owner_references)


def holds(found: meta.Object, wanted: meta.Object) -> bool:
    """Whether an object is what is wanted; defaults that a server adds do not count."""
    have, want = found.to_wire(), wanted.to_wire()
    ignored = ("metadata", "status", "apiVersion", "kind", "stringData")
    same = all(within(value, have.get(key)) for key, value in want.items() if key not in ignored)
    return same and within(wanted.metadata.labels, found.metadata.labels) and _same_content(have, want)


def _same_content(have: dict[str, Any], want: dict[str, Any]) -> bool:
    """What a ConfigMap or Secret holds is all there is: a file that is wanted no more must go."""
    if want.get("kind") == "ConfigMap":
        return (have.get("data") or {}) == (want.get("data") or {})
    if want.get("kind") == "Secret" and want.get("stringData"):
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in want["stringData"].items()}
        return (have.get("data") or {}) == encoded
    return True


def within(wanted: object, found: object) -> bool:
    """Whether everything wanted is there; an empty value and no value are the same to a server."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(within(value, found[key]) if key in found else not value for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(within, wanted, found))
    return wanted == found or (not wanted and found is None)
