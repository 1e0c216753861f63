"""A bus and its Triggers → the dispatcher: its documents in ConfigMaps, and the Deployment that reads them.

One dispatcher per bus, whatever number of Triggers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from openfunction_eventing import documents
from openfunction_py.api import events, gateways, meta, rules_values
from openfunction_py.api.eventbuses import NatsScale
from openfunction_py.api.triggers import WINDOW, Delivery, Subscriber, Trigger
from openfunction_py.api.upstream.apps import Deployment
from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.api.upstream.keda import ScaledObject
from openfunction_py.resources import event_buses, jetstream, labels, programs, sinks
from openfunction_py.resources.event_buses import Bus
from openfunction_py.resources.sinks import Place

DISPATCHER = "openfunction.io/dispatcher"


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Everything that a bus's dispatcher is made of."""

    config_maps: list[ConfigMap]
    deployment: Deployment
    scaled_object: ScaledObject | None


def program(bus: Bus, owner: meta.OwnerReference) -> programs.Program:
    """The dispatcher's names."""
    name = f"{event_buses.name_of(bus)}-dispatcher"
    tied = {DISPATCHER: event_buses.name_of(bus), labels.MANAGED: "true"}
    return programs.Program("dispatcher", name, event_buses.home_of(bus), tied, owner)


def make(
    bus: Bus,
    of: Iterable[Trigger],
    *,
    owner: meta.OwnerReference,
    domain: str = gateways.CLUSTER_DOMAIN,
) -> Dispatcher:
    """The dispatcher of a bus for its Triggers.

    Raises:
        programs.TooLargeError: a Trigger's document is larger than a ConfigMap may be.
    """
    one, triggers = program(bus, owner), list(of)
    files = {
        "settings.json": programs.text_of(
            [_settings(bus), event_buses.component(bus, domain=domain).to_wire()]
        )
    }
    for trigger in triggers:
        files[file_of(trigger)] = programs.text_of(documents.to_json(document(trigger, domain)))
    packed = programs.config_maps(one, files)
    mounts = programs.Mounts([found.metadata.name for found in packed], secrets=event_buses.secrets_of(bus))
    scaled = _scaled(bus, triggers, one)
    return Dispatcher(packed, programs.deployment(one, mounts, replicas=None if scaled else 1), scaled)


def topics_of(triggers: Iterable[Trigger]) -> list[str]:
    """Every topic that is read for a Trigger, once."""
    read = (
        events.topic(one.namespace or trigger.metadata.namespace, one.event_source, one.event)
        for trigger in triggers
        for one in trigger.spec.inputs.values()
    )
    return sorted(set(read))


def _scaled(bus: Bus, triggers: Iterable[Trigger], program: programs.Program) -> ScaledObject | None:
    """Scaling on what waits in each topic (EVC-10), where the bus asks for it; one stays unless it says 0."""
    option = bus.spec.nats_streaming.scale_option if bus.spec.nats_streaming else None
    topics = topics_of(triggers)
    if option is None or not topics:
        return None
    low = 1 if option.min_replica_count is None else option.min_replica_count
    body: programs.Document = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": program.name},
        "minReplicaCount": low,
        "triggers": [_trigger(bus, option, topic) for topic in topics],
    }
    if option.max_replica_count is not None:
        body["maxReplicaCount"] = max(1, low, option.max_replica_count)
    if option.polling_interval is not None:
        body["pollingInterval"] = max(1, option.polling_interval)
    if option.cooldown_period is not None:
        body["cooldownPeriod"] = option.cooldown_period
    if option.advanced is not None and option.advanced.to_wire():
        body["advanced"] = option.advanced.to_wire()
    return ScaledObject.model_validate({"metadata": program.metadata(), "spec": body})


def _trigger(bus: Bus, option: NatsScale, topic: str) -> programs.Document:
    metadata = {
        **option.metadata,
        "account": jetstream.ACCOUNT,
        "stream": jetstream.stream_of(topic),
        "consumer": jetstream.durable_of(event_buses.group_of(bus), topic),
        "natsServerMonitoringEndpoint": option.nats_server_monitoring_endpoint.rpartition("://")[2],
        "lagThreshold": str(option.lag_threshold or 10),
    }
    found: programs.Document = {"type": "nats-jetstream", "metadata": metadata}
    if option.auth_ref is not None:
        found["authenticationRef"] = option.auth_ref.to_wire()
    return found


def _settings(bus: Bus) -> dict[str, object]:
    settings = documents.Dispatcher(
        component=event_buses.name_of(bus),
        group=event_buses.group_of(bus),
        port=programs.PORT,
        journal=documents.Journal(folder=programs.JOURNAL),
    )
    streaming = bus.spec.nats_streaming
    made = documents.to_json(settings)
    if streaming is not None and streaming.max_in_flight is not None:
        made["maxInFlight"] = streaming.max_in_flight
    if streaming is not None and streaming.ack_wait_time:
        made["ackWait"] = streaming.ack_wait_time
    return made


def file_of(trigger: Trigger) -> str:
    """The file of a Trigger's document."""
    return f"{trigger.metadata.namespace}.{trigger.metadata.name}.json"


def document(trigger: Trigger, domain: str) -> documents.Trigger:
    """A Trigger as the dispatcher reads it: topics instead of events, URLs instead of references."""
    metadata, spec = trigger.metadata, trigger.spec
    place = Place(metadata.namespace, domain)
    return documents.Trigger(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        window=rules_values.parse_delay(spec.window or WINDOW).total_seconds(),
        inputs=tuple(
            documents.Input(
                name, events.topic(given.namespace or metadata.namespace, given.event_source, given.event)
            )
            for name, given in spec.inputs.items()
        ),
        subscribers=tuple(_subscriber(one, place) for one in spec.subscribers),
    )


def _subscriber(given: Subscriber, place: Place) -> documents.Subscriber:
    return documents.Subscriber(
        condition=given.condition or "",
        filters=tuple(given.filters),
        sink=sinks.url_of(given.sink, place),
        dead_letter_sink=sinks.url_of(given.dead_letter_sink, place),
        topic=given.topic or "",
        reply_topic=given.reply_topic or "",
        dead_letter_topic=given.dead_letter_topic or "",
        delivery=_delivery(given.delivery or Delivery()),
    )


def _delivery(given: Delivery) -> documents.Delivery:
    default = documents.Delivery()
    return documents.Delivery(
        retry=default.retry if given.retry is None else given.retry,
        backoff_policy=given.backoff_policy or default.backoff_policy,
        backoff_delay=_seconds(given.backoff_delay, default.backoff_delay),
        timeout=_seconds(given.timeout, default.timeout) or default.timeout,
        retry_after_max=_seconds(given.retry_after_max, 0.0) if given.retry_after_max else None,
    )


def _seconds(text: str | None, default: float) -> float:
    return rules_values.parse_delay(text).total_seconds() if text else default
