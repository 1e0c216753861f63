"""EventSource: one program for each way of getting events, and whether they all do their work.

A program whose last event was taken out of the source goes, with its documents.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence

from openfunction_py.api import gateways, meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.eventsources import EventSource
from openfunction_py.api.functions import Function
from openfunction_py.api.upstream import apps, core, keda
from openfunction_py.controller import manager as managers
from openfunction_py.controller import owned, types
from openfunction_py.controller import status as statuses
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.resources import event_sources, event_status, programs, sink_targets
from openfunction_py.resources.event_buses import Bus
from openfunction_py.resources.event_status import Verdict
from openfunction_py.resources.sinks import Place

MANAGER = "openfunction-eventsource"
MODELS: tuple[type[meta.Object], ...] = (
    core.ConfigMap,
    core.Secret,
    core.Service,
    keda.ScaledObject,
    apps.Deployment,
)
# A Secret is not watched: one that is missing is looked for again.
SECRET_PAUSE = 5.0


class Reconciler:
    """Drives one EventSource."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._sources = manager.lister(EventSource)
        self._local = manager.lister(EventBus)
        self._wide = manager.lister(ClusterEventBus)
        self._functions = manager.lister(Function)
        self._services = manager.lister(core.Service)
        self._owned = owned.Owned(manager, MODELS, writer=MANAGER)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make the programs and write the status once."""
        current = self._sources.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        verdict = await self._bring_about(current)
        status = event_status.status(
            current.status,
            verdict,
            generation=current.metadata.generation,
            now=clock.timestamp(self._clock.now()),
        )
        changed = EventSource.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result(requeue_after=SECRET_PAUSE if verdict.reason == "SecretMissing" else None)

    async def _bring_about(self, source: EventSource) -> Verdict:
        bus = self._bus(source)
        if source.spec.event_bus and bus is None:
            return event_status.no_bus(source.spec.event_bus)
        secrets = await self._secrets(source)
        around = event_sources.Around(bus, lambda name, key: secrets.get((name, key)))
        try:
            made = event_sources.make(source, around, owner=meta.owner_of(source))
            wanted = [one for program in made for one in parts(program)]
            await self._owned.make(wanted, source)
            await self._owned.remove_others(source, wanted, label=event_sources.SOURCE)
        except event_sources.MissingSecretError as error:
            return Verdict("False", "SecretMissing", str(error))
        except programs.TooLargeError as error:
            return Verdict("False", event_status.CONFIGURATION, str(error))
        except owned.NotOwnedError as error:
            return Verdict("False", event_status.NOT_OWNED, str(error))
        return self._hindered(source, bus) or self._running(source, made)

    def _bus(self, source: EventSource) -> Bus | None:
        name = source.spec.event_bus
        if not name:
            return None
        return self._local.get(source.metadata.namespace, name) or self._wide.get("", name)

    async def _secrets(self, source: EventSource) -> Mapping[tuple[str, str], str]:
        """The values that signatures are checked with."""
        wanted = [one.signature.secret for one in source.spec.webhook.values() if one.signature]
        found = {}
        for reference in wanted:
            if reference is None:
                continue
            try:
                secret = await self._client.get(
                    core.Secret, reference.name, namespace=source.metadata.namespace
                )
                found[reference.name, reference.key] = base64.b64decode(secret.data[reference.key]).decode()
            except (errors.NotFound, KeyError, binascii.Error, UnicodeDecodeError):
                continue  # what is not there is named by the maker that needs it
        return found

    def _hindered(self, source: EventSource, bus: Bus | None) -> Verdict | None:
        unread = event_sources.unread(source)
        if unread:
            known = ", ".join(event_sources.KINDS)
            sentence = f"events of the kinds {', '.join(unread)} are not read; this platform reads {known}"
            return Verdict("False", event_status.CONFIGURATION, sentence)
        place = Place(source.metadata.namespace, gateways.CLUSTER_DOMAIN)
        given = [source.spec.sink] if source.spec.sink else []
        lost = sink_targets.lost(given, place, functions=self._functions, services=self._services)
        if lost:
            return Verdict("False", event_status.NO_SINK, "; ".join(lost))
        return event_status.of_bus(bus.metadata.name, bus) if bus is not None else None

    def _running(self, source: EventSource, made: Sequence[event_sources.Program]) -> Verdict:
        waiting = [one.deployment.metadata.name for one in made if not self._is_available(one)]
        if waiting:
            return Verdict("Unknown", event_status.PENDING, f"not available yet: {', '.join(waiting)}")
        ignored = "; spec.build is ignored, its programs come with the platform" if source.spec.build else ""
        return Verdict("True", "EventSourceIsReady", f"its programs run{ignored}")

    def _is_available(self, program: event_sources.Program) -> bool:
        found = self._owned.found(program.deployment)
        if not isinstance(found, apps.Deployment):
            return False
        asleep = program.scaled_object is not None and found.spec.replicas == 0
        return asleep or bool(found.status.available_replicas)


def parts(program: event_sources.Program) -> list[meta.Object]:
    """The objects of a program, in the order in which they are made."""
    optional = (program.secret, program.service, program.deployment, program.scaled_object)
    return [*program.config_maps, *(one for one in optional if one is not None)]


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    sources = manager.lister(EventSource)

    def of_bus(obj: meta.Object) -> Iterable[types.Request]:
        """The sources that name a bus of this name."""
        place = obj.metadata.namespace or None
        return [
            types.request_of(one) for one in sources.list(place) if one.spec.event_bus == obj.metadata.name
        ]

    def of_sink(obj: meta.Object) -> Iterable[types.Request]:
        """The sources with a sink that may be a Function of this name."""
        return [types.request_of(one) for one in sources.list() if obj.metadata.name in str(one.spec.sink)]

    by_owner = managers.by_owner("EventSource")
    manager.add(
        "eventsource",
        Reconciler(manager),
        watches=[
            managers.Watch(EventSource, managers.by_self),
            managers.Watch(EventBus, of_bus),
            managers.Watch(ClusterEventBus, of_bus),
            managers.Watch(Function, of_sink),
            *(managers.Watch(model, by_owner) for model in MODELS if model is not core.Secret),
        ],
    )
