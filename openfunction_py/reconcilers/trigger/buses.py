"""Which bus a Trigger means, and which Triggers a bus has: the namespace's own comes before the cluster's.

Pure reading of caches.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api import meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.triggers import Trigger
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.resources.event_buses import Bus


class Buses:
    """Buses and Triggers as the caches have them."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches."""
        self._local = manager.lister(EventBus)
        self._wide = manager.lister(ClusterEventBus)
        self._triggers = manager.lister(Trigger)

    def find(self, namespace: str, name: str) -> Bus | None:
        """The bus of that name for a namespace."""
        return self._local.get(namespace, name) or self._wide.get("", name)

    def get(self, namespace: str, name: str) -> Bus | None:
        """A bus by its own key; a cluster's has no namespace."""
        return self._local.get(namespace, name) if namespace else self._wide.get("", name)

    def triggers_of(self, bus: Bus) -> list[Trigger]:
        """The Triggers whose bus this is, in a steady order."""
        found = [
            one
            for one in self._triggers.list(bus.metadata.namespace or None)
            if one.spec.event_bus == bus.metadata.name and not one.metadata.deletion_timestamp
        ]
        mine = [one for one in found if bus.kind == "EventBus" or not self._is_shadowed(one)]
        return sorted(mine, key=lambda one: (one.metadata.namespace, one.metadata.name))

    def _is_shadowed(self, trigger: Trigger) -> bool:
        return self._local.get(trigger.metadata.namespace, trigger.spec.event_bus) is not None

    def of_trigger(self, obj: meta.Object) -> Iterable[types.Request]:
        """Both buses that a Trigger may mean: one that it left must forget it."""
        name = obj.spec.event_bus if isinstance(obj, Trigger) else ""
        return (types.Request(obj.metadata.namespace, name), types.Request("", name)) if name else ()

    def of_bus(self, obj: meta.Object) -> Iterable[types.Request]:
        """A bus, and the cluster's of the same name, which it may shadow."""
        return {types.request_of(obj), types.Request("", obj.metadata.name)}

    def named(self, obj: meta.Object) -> Iterable[types.Request]:
        """The Triggers that name a bus of this name."""
        place = obj.metadata.namespace or None
        return [
            types.request_of(one)
            for one in self._triggers.list(place)
            if one.spec.event_bus == obj.metadata.name
        ]
