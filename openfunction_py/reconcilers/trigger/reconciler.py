"""Trigger: its status, from its bus, its sinks and the dispatcher that works for it.

It makes nothing; documents are the dispatcher's.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api import eventsources, gateways, meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.eventsources import EventSource
from openfunction_py.api.functions import Function
from openfunction_py.api.triggers import Trigger
from openfunction_py.api.upstream import apps, core
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.reconcilers.trigger import dispatcher
from openfunction_py.reconcilers.trigger.buses import Buses
from openfunction_py.resources import dispatchers, event_buses, event_status, sink_targets
from openfunction_py.resources.event_buses import Bus
from openfunction_py.resources.event_status import Verdict
from openfunction_py.resources.sinks import Place

MANAGER = "openfunction-trigger"


class Reconciler:
    """Drives one Trigger."""

    def __init__(self, manager: managers.Manager, buses: Buses) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._buses = buses
        self._triggers = manager.lister(Trigger)
        self._sources = manager.lister(EventSource)
        self._functions = manager.lister(Function)
        self._services = manager.lister(core.Service)
        self._deployments = manager.lister(apps.Deployment)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Write the status once."""
        current = self._triggers.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        status = event_status.status(
            current.status,
            self._verdict(current),
            generation=current.metadata.generation,
            now=clock.timestamp(self._clock.now()),
        )
        changed = Trigger.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()

    def _verdict(self, trigger: Trigger) -> Verdict:
        bus = self._buses.find(trigger.metadata.namespace, trigger.spec.event_bus)
        if bus is None:
            return event_status.no_bus(trigger.spec.event_bus)
        if not trigger.spec.subscribers:
            return Verdict(
                "False", event_status.NO_SUBSCRIBERS, "there is nobody to give events to; add subscribers"
            )
        if not dispatcher.fits(trigger):
            return Verdict(
                "False", event_status.CONFIGURATION, "its document is too large; make it several Triggers"
            )
        lost = self._lost_sinks(trigger)
        if lost:
            return Verdict("False", event_status.NO_SINK, "; ".join(lost))
        return event_status.of_bus(trigger.spec.event_bus, bus) or self._dispatched(trigger, bus)

    def _lost_sinks(self, trigger: Trigger) -> list[str]:
        place = Place(trigger.metadata.namespace, gateways.CLUSTER_DOMAIN)
        given = [
            sink
            for one in trigger.spec.subscribers
            for sink in (one.sink, one.dead_letter_sink)
            if sink is not None
        ]
        return sink_targets.lost(given, place, functions=self._functions, services=self._services)

    def _dispatched(self, trigger: Trigger, bus: Bus) -> Verdict:
        name = dispatchers.program(bus, meta.owner_of(bus)).name
        found = self._deployments.get(event_buses.home_of(bus), name)
        if found is not None and found.status.available_replicas:
            said = [f"the dispatcher {name} delivers its events", *self._silent(trigger)]
            return Verdict("True", "TriggerIsReady", "; ".join(said))
        return Verdict("Unknown", event_status.PENDING, f"the dispatcher {name} is being started")

    def _silent(self, trigger: Trigger) -> list[str]:
        """Inputs that no EventSource feeds; topics have other writers too, so that is no failure."""
        found = []
        for name, one in trigger.spec.inputs.items():
            place = one.namespace or trigger.metadata.namespace
            source = self._sources.get(place, one.event_source)
            kinds = (getattr(source.spec, kind) for kind in eventsources.KINDS) if source else ()
            if not any(one.event in events for events in kinds):
                found.append(
                    f"no EventSource {one.event_source} in {place} has the event {one.event} of input {name}"
                )
        return found


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    buses = Buses(manager)
    triggers = manager.lister(Trigger)

    def of_source(obj: meta.Object) -> Iterable[types.Request]:
        """The Triggers that name an EventSource of this name."""
        return [
            types.request_of(one)
            for one in triggers.list()
            if any(given.event_source == obj.metadata.name for given in one.spec.inputs.values())
        ]

    def of_deployment(obj: meta.Object) -> Iterable[types.Request]:
        """The Triggers of the bus whose dispatcher this is."""
        if dispatchers.DISPATCHER not in obj.metadata.labels:
            return ()
        owner = meta.controller_of(obj)
        place = obj.metadata.namespace if owner is not None and owner.kind == "EventBus" else None
        return [
            types.request_of(one)
            for one in triggers.list(place)
            if owner is not None and one.spec.event_bus == owner.name
        ]

    def of_sink(obj: meta.Object) -> Iterable[types.Request]:
        """The Triggers that may give events to a Function or Service of this name."""
        return [types.request_of(one) for one in triggers.list() if sink_targets.names(one, obj)]

    manager.add(
        "trigger",
        Reconciler(manager, buses),
        watches=[
            managers.Watch(Trigger, managers.by_self),
            managers.Watch(EventBus, buses.named),
            managers.Watch(ClusterEventBus, buses.named),
            managers.Watch(apps.Deployment, of_deployment),
            managers.Watch(EventSource, of_source),
            managers.Watch(Function, of_sink),
            managers.Watch(core.Service, of_sink),
        ],
    )
