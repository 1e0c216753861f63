"""The dispatcher of a bus: documents of its Triggers in ConfigMaps, and one Deployment that reads them.

A Trigger whose document cannot be made is left out; its own status says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_eventing import documents
from openfunction_py.api import gateways, meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.triggers import Trigger
from openfunction_py.api.upstream import apps, core, keda
from openfunction_py.controller import manager as managers
from openfunction_py.controller import owned, types
from openfunction_py.lib import log
from openfunction_py.reconcilers.trigger.buses import Buses
from openfunction_py.resources import dispatchers, programs

MANAGER = "openfunction-dispatcher"

logger = log.get("dispatcher")


class Reconciler:
    """Drives the dispatcher of one bus."""

    def __init__(self, manager: managers.Manager, buses: Buses) -> None:
        """Read through the manager's caches, write through its client."""
        self._buses = buses
        self._owned = owned.Owned(
            manager, (core.ConfigMap, keda.ScaledObject, apps.Deployment), writer=MANAGER
        )

    async def reconcile(self, request: types.Request) -> types.Result:
        """Documents first, then the Deployment; without Triggers there is no dispatcher."""
        bus = self._buses.get(request.namespace, request.name)
        if bus is None or bus.metadata.deletion_timestamp:
            return types.Result()
        found = [one for one in self._buses.triggers_of(bus) if one.spec.subscribers and fits(one)]
        made = dispatchers.make(bus, found, owner=meta.owner_of(bus)) if found else None
        wanted: list[meta.Object] = [*made.config_maps, made.deployment] if made else []
        if made and made.scaled_object is not None:
            wanted.append(made.scaled_object)
        try:
            await self._owned.make(wanted, bus)
        except owned.NotOwnedError as error:
            logger.warning("a dispatcher cannot be made", bus=request.name, error=str(error))
        else:
            await self._owned.remove_others(bus, wanted, label=dispatchers.DISPATCHER)
        return types.Result()


def fits(trigger: Trigger) -> bool:
    """Whether a Trigger's document can be carried."""
    text = programs.text_of(documents.to_json(dispatchers.document(trigger, gateways.CLUSTER_DOMAIN)))
    return len(text.encode()) + len(dispatchers.file_of(trigger)) <= programs.LIMIT


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    buses = Buses(manager)

    def of_part(obj: meta.Object) -> Iterable[types.Request]:
        owner = meta.controller_of(obj)
        if owner is None or owner.kind not in ("EventBus", "ClusterEventBus"):
            return ()
        return (types.Request(obj.metadata.namespace if owner.kind == "EventBus" else "", owner.name),)

    manager.add(
        "dispatcher",
        Reconciler(manager, buses),
        watches=[
            managers.Watch(EventBus, buses.of_bus),
            managers.Watch(ClusterEventBus, managers.by_self),
            managers.Watch(Trigger, buses.of_trigger),
            managers.Watch(apps.Deployment, of_part),
            managers.Watch(core.ConfigMap, of_part),
            managers.Watch(keda.ScaledObject, of_part),
        ],
    )
