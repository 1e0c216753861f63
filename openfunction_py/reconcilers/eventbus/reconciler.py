"""EventBus and ClusterEventBus: the broker of our own, and a status that says whether the broker answers.

A bus that does not answer is asked again, less and less often; one that does is asked once a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from openfunction_py.api import gateways, meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.upstream import apps, core, discovery
from openfunction_py.controller import manager as managers
from openfunction_py.controller import owned, types
from openfunction_py.controller import status as statuses
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.reconcilers.eventbus import doors, greeting
from openfunction_py.resources import event_buses, event_status
from openfunction_py.resources.event_buses import Bus
from openfunction_py.resources.event_status import Verdict

MANAGER = "openfunction-eventbus"
MODELS: tuple[type[meta.Object], ...] = (core.ConfigMap, core.Service, apps.StatefulSet)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Reconciler:
    """Drives one bus of one of the two kinds."""

    def __init__(self, manager: managers.Manager, model: type[Bus]) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._buses = manager.lister(model)
        self._owned = owned.Owned(manager, MODELS, writer=MANAGER)
        self._doors = doors.Doors(manager)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make the broker where it is ours, ask it, and write the status once."""
        current = self._buses.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        verdict = await self._try_to_make(current) or await self._ask(current)
        now = self._clock.now()
        status = event_status.status(
            current.status, verdict, generation=current.metadata.generation, now=clock.timestamp(now)
        )
        changed = type(current).model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result(requeue_after=pause(changed, now=now))

    async def _try_to_make(self, bus: Bus) -> Verdict | None:
        """Why there is no broker of ours yet; None when it stands, or when the broker is somebody else's."""
        owner = meta.owner_of(bus)
        server = event_buses.server(bus, owner=owner, domain=gateways.CLUSTER_DOMAIN)
        wanted: tuple[meta.Object, ...] = server if event_buses.is_own(bus) else ()
        try:
            await self._owned.make(wanted, bus)
            await self._owned.remove_others(bus, wanted, label=event_buses.BUS)
        except owned.NotOwnedError as error:
            return Verdict("False", event_status.NOT_OWNED, str(error))
        except errors.Invalid as error:
            return Verdict("False", event_status.CONFIGURATION, error.message)
        if not wanted:
            return None
        made = self._owned.found(server[2])
        ready = made.status.ready_replicas if isinstance(made, apps.StatefulSet) else 0
        if ready:
            return None
        return Verdict("Unknown", "BrokerStarting", f"the broker {server[2].metadata.name} is being started")

    async def _ask(self, bus: Bus) -> Verdict:
        """One address that answers is enough: clients go on to the next as well."""
        greet = greeting.kafka if bus.spec.kafka is not None else greeting.nats
        last: Verdict | None = None
        try:
            for door in await self._doors.of(bus, domain=gateways.CLUSTER_DOMAIN):
                last = await _greeted(greet, door)
                if last.status == "True":
                    return last
        except doors.SecretMissingError as error:
            return Verdict("False", "SecretMissing", str(error))
        except greeting.UnreachableError as error:
            return Verdict("False", "BrokerUnreachable", str(error))
        return last or Verdict("False", event_status.CONFIGURATION, "the bus has no address; give one")


async def _greeted(greet: greeting.Greet, door: greeting.Door) -> Verdict:
    try:
        await greet(door)
    except greeting.UnreachableError as error:
        return Verdict("False", "BrokerUnreachable", str(error))
    except greeting.RefusedError as error:
        return Verdict("False", "CredentialsRefused", str(error))
    return Verdict("True", "BrokerIsReady", f"the broker answers at {door.name}")


def pause(bus: Bus, *, now: datetime) -> float:
    """Seconds until the bus is asked again: as long as it has been so, a minute at most."""
    ready = meta.find_condition(bus.status.conditions, event_status.READY)
    if ready is None or ready.status == "True" or not ready.last_transition_time:
        return LONGEST_PAUSE
    since = (now - clock.parse(ready.last_transition_time)).total_seconds()
    return min(max(since, FIRST_PAUSE), LONGEST_PAUSE)


def install(manager: managers.Manager) -> None:
    """Add a controller for each of the two kinds."""
    models: tuple[type[Bus], ...] = (EventBus, ClusterEventBus)
    for model in models:
        manager.add(
            model.__name__.lower(),
            Reconciler(manager, model),
            watches=[
                managers.Watch(model, managers.by_self),
                managers.Watch(apps.StatefulSet, _owner(model)),
                managers.Watch(core.ConfigMap, _owner(model)),
                managers.Watch(discovery.EndpointSlice, _named(manager, model)),
            ],
        )


def _owner(model: type[Bus]) -> types.ToRequests:
    def rule(obj: meta.Object) -> Iterable[types.Request]:
        owner = meta.controller_of(obj)
        if owner is None or owner.kind != model.__name__:
            return ()
        return (types.Request(obj.metadata.namespace if model is EventBus else "", owner.name),)

    return rule


def _named(manager: managers.Manager, model: type[Bus]) -> types.ToRequests:
    """The buses of our own whose Service has new endpoints."""
    buses = manager.lister(model)

    def rule(obj: meta.Object) -> Iterable[types.Request]:
        service = obj.metadata.labels.get("kubernetes.io/service-name", "")
        for one in buses.list():
            if event_buses.name_of(one) == service and event_buses.home_of(one) == obj.metadata.namespace:
                yield types.request_of(one)

    return rule
