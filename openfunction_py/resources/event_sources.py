"""EventSource → its programs: one Deployment for each way of getting events, with their documents.

Signatures' secrets stand in documents in clear, so those documents are a Secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openfunction_eventing import documents
from openfunction_py.api import events, eventsources, gateways, meta
from openfunction_py.api.events import ScaleOption
from openfunction_py.api.eventsources import EventSource, Kafka, KafkaScale, Nats, Webhook
from openfunction_py.api.upstream.apps import Deployment
from openfunction_py.api.upstream.core import ConfigMap, Secret, Service
from openfunction_py.api.upstream.keda import ScaledObject
from openfunction_py.lib import naming
from openfunction_py.resources import event_buses, labels, programs, sinks
from openfunction_py.resources.event_buses import Bus, item, secret_item
from openfunction_py.resources.programs import Document
from openfunction_py.resources.sinks import Place

SOURCE = "openfunction.io/eventsource"
# Way of getting events → kinds; events that are posted share one door.
WAYS = {"http": ("http", "webhook"), "cron": ("cron",), "kafka": ("kafka",), "nats": ("nats",)}
KINDS = tuple(kind for kinds in WAYS.values() for kind in kinds)

# Secret and key → value, or None where there is none.
Secrets = Callable[[str, str], str | None]


class MissingSecretError(LookupError):
    """A Secret or key that an event needs is not there."""

    def __init__(self, name: str, key: str) -> None:
        """Keep which."""
        self.name = name
        self.key = key
        super().__init__(f"there is no Secret {name} with a key {key}; make it")


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that one way of getting events is made of."""

    way: str
    config_maps: list[ConfigMap]
    secret: Secret | None
    deployment: Deployment
    scaled_object: ScaledObject | None
    service: Service | None


@dataclass(frozen=True, slots=True)
class Around:
    """What a source needs to know of others: its bus where it names one, and values of Secrets."""

    bus: Bus | None
    secrets: Secrets
    domain: str = gateways.CLUSTER_DOMAIN


def unread(source: EventSource) -> list[str]:
    """Kinds with events that no program reads."""
    given = [kind for kind in eventsources.KINDS if getattr(source.spec, kind)]
    return [kind for kind in given if kind not in KINDS]


def make(source: EventSource, around: Around, *, owner: meta.OwnerReference) -> list[Program]:
    """The programs of a source, in the order of WAYS.

    Raises:
        MissingSecretError: a webhook's signature has no secret.
        programs.TooLargeError: a document is larger than a ConfigMap may be.
    """
    return [
        _program(source, around, way, owner)
        for way, kinds in WAYS.items()
        if any(getattr(source.spec, kind) for kind in kinds)
    ]


def _program(source: EventSource, around: Around, way: str, owner: meta.OwnerReference) -> Program:
    metadata = source.metadata
    name = naming.child_name(metadata.name, f"-{way}-source", limit=52)
    tied = {SOURCE: metadata.name, f"{SOURCE}-way": way, labels.MANAGED: "true"}
    one = programs.Program("source", name, metadata.namespace, tied, owner)
    files = _files(source, around, way)
    clear = _has_clear_secrets(source, way)
    packed = [] if clear else programs.config_maps(one, files)
    secret = _secret(one, files) if clear else None
    mounts = programs.Mounts(
        config_maps=[found.metadata.name for found in packed],
        documents=name if clear else "",
        secrets=_secrets_of(source, around, way),
    )
    scaled = _scaled(source, one) if way == "kafka" else None
    return Program(
        way=way,
        config_maps=packed,
        secret=secret,
        deployment=programs.deployment(one, mounts, replicas=None if scaled else 1),
        scaled_object=scaled,
        service=_service(one) if way == "http" else None,
    )


def _files(source: EventSource, around: Around, way: str) -> dict[str, str]:
    bus = around.bus
    settings = documents.Sources(
        component=event_buses.name_of(bus) if bus else "",
        port=programs.PORT,
        journal=documents.Journal(folder=programs.JOURNAL),
    )
    first: list[Document] = [documents.to_json(settings)]
    if bus is not None:
        first.append(event_buses.component(bus, domain=around.domain).to_wire())
    files = {"settings.json": programs.text_of(first)}
    for kind in WAYS[way]:
        for event, spec in getattr(source.spec, kind).items():
            held = [
                documents.to_json(_document(source, around, kind, (event, spec))),
                *_component(source, event, spec),
            ]
            files[f"{kind}.{event}.json"] = programs.text_of(held)
    return files


def _document(
    source: EventSource, around: Around, kind: str, given: tuple[str, Any]
) -> documents.Source:  # Any: one of the models of eventsources
    event, spec = given
    metadata = source.metadata
    return documents.Source(
        namespace=metadata.namespace,
        name=metadata.name,
        event=event,
        type=kind,
        spec=_spec(source, around, event, spec),
        sink=sinks.url_of(source.spec.sink, Place(metadata.namespace, around.domain)),
        topic=events.topic(metadata.namespace, metadata.name, event) if source.spec.event_bus else "",
    )


def _spec(source: EventSource, around: Around, event: str, spec: object) -> Mapping[str, Any]:
    if isinstance(spec, Kafka):
        return {"component": component_name(source, event, spec), "topic": spec.topic or event}
    if isinstance(spec, Nats):
        return {"component": component_name(source, event, spec), "topic": spec.subject}
    if isinstance(spec, eventsources.Cron):
        return {"schedule": spec.schedule}
    if isinstance(spec, Webhook):
        return _webhook(event, spec, around.secrets)
    return {"path": eventsources.path_of(event, spec.path if isinstance(spec, eventsources.Http) else None)}


def _webhook(event: str, spec: Webhook, secrets: Secrets) -> Document:
    found: Document = {"path": eventsources.path_of(event, spec.path)}
    named = {"type": spec.type, "idHeader": spec.id_header, "typeHeader": spec.type_header}
    found |= {key: value for key, value in named.items() if value}
    signature = spec.signature
    if signature is not None and signature.secret is not None:
        key = signature.secret
        value = secrets(key.name, key.key)
        if value is None:
            raise MissingSecretError(key.name, key.key)
        found["signature"] = {"header": signature.header, "secret": value}
        found["signature"] |= {"prefix": signature.prefix} if signature.prefix else {}
        found["signature"] |= {"algorithm": signature.algorithm} if signature.algorithm else {}
    return found


def component_name(source: EventSource, event: str, spec: Kafka | Nats) -> str:
    """Name of the component that reads an event."""
    kind = "kafka" if isinstance(spec, Kafka) else "nats"
    return f"{source.metadata.name}-{kind}-{event}"


def group_of(source: EventSource, event: str, spec: Kafka | Nats) -> str:
    """The durable group that reads an event: the user's where one is given, else of this event alone."""
    scale = spec.scale_option if isinstance(spec, Kafka) else None
    given = scale.consumer_group if scale else spec.queue_group if isinstance(spec, Nats) else None
    return given or f"{source.metadata.namespace}-{component_name(source, event, spec)}"


def _component(source: EventSource, event: str, spec: object) -> list[Document]:
    if isinstance(spec, Kafka):
        kind, metadata = "pubsub.kafka", _kafka(source, event, spec)
    elif isinstance(spec, Nats):
        kind, metadata = "pubsub.jetstream", _nats(source, event, spec)
    else:
        return []
    return [
        {
            "apiVersion": "dapr.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": component_name(source, event, spec), "namespace": source.metadata.namespace},
            "spec": {"type": kind, "version": "v1", "metadata": metadata},
        }
    ]


def _kafka(source: EventSource, event: str, spec: Kafka) -> list[Document]:
    found = [
        item("brokers", spec.brokers),
        item("consumerGroup", group_of(source, event, spec)),
        *event_buses.kafka_login(spec),
    ]
    return [
        *found,
        *([item("maxMessageBytes", str(spec.max_message_bytes))] if spec.max_message_bytes else []),
    ]


def _nats(source: EventSource, event: str, spec: Nats) -> list[Document]:
    found = [item("natsURL", spec.url), item("queueGroupName", group_of(source, event, spec))]
    if spec.stream:
        found.append(item("streamName", spec.stream))
    if spec.durable:
        found.append(item("durableName", spec.durable))
    if spec.token_secret is not None:
        found.append(secret_item("token", spec.token_secret))
    return found


def _has_clear_secrets(source: EventSource, way: str) -> bool:
    webhooks = source.spec.webhook.values() if way == "http" else ()
    return any(one.signature is not None for one in webhooks)


def _secret(program: programs.Program, files: Mapping[str, str]) -> Secret:
    size = sum(len(name) + len(text.encode()) for name, text in files.items())
    if size > programs.LIMIT:
        raise programs.TooLargeError(program.name, size)
    return Secret.model_validate(
        {"metadata": program.metadata(), "type": "Opaque", "stringData": dict(files)}
    )


def _secrets_of(source: EventSource, around: Around, way: str) -> list[str]:
    """Secrets that components name: those of the events, and the bus's where it is of this namespace."""
    keys = []
    if way == "kafka":
        keys = [one.sasl_password_secret for one in source.spec.kafka.values()]
    if way == "nats":
        keys = [one.token_secret for one in source.spec.nats.values()]
    of_bus = event_buses.secrets_of(around.bus) if around.bus else []
    return sorted({*of_bus, *(key.name for key in keys if key is not None and key.name)})


def _service(program: programs.Program) -> Service:
    """The name under which events are posted."""
    port = {"name": "http", "port": 80, "targetPort": programs.PORT, "protocol": "TCP"}
    body = {"selector": dict(program.labels), "ports": [port]}
    return Service.model_validate({"metadata": program.metadata(), "spec": body})


def _scaled(source: EventSource, program: programs.Program) -> ScaledObject | None:
    """Scaling of what reads Kafka, on the lag of each event that asks for it (EVC-10, EVC-11)."""
    given = {event: spec for event, spec in source.spec.kafka.items() if spec.scale_option is not None}
    if not given:
        return None
    options = [spec.scale_option for spec in given.values() if spec.scale_option is not None]
    low = max(one.min_replica_count or 0 for one in options)
    # An event without a scaler of its own could wake nobody.
    low = low if len(given) == len(source.spec.kafka) else max(1, low)
    body: Document = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": program.name},
        "minReplicaCount": low,
        **_limits(options, low),
        "triggers": [_trigger(source, event, spec) for event, spec in given.items()],
    }
    return ScaledObject.model_validate({"metadata": program.metadata(), "spec": body})


def _limits(options: list[KafkaScale], low: int) -> Document:
    found: Document = {}
    for key, values in (
        ("pollingInterval", [one.polling_interval for one in options]),
        ("cooldownPeriod", [one.cooldown_period for one in options]),
        ("maxReplicaCount", [one.max_replica_count for one in options]),
    ):
        known = [value for value in values if value is not None]
        if known:
            least = {"pollingInterval": 1, "maxReplicaCount": max(1, low)}.get(key, 0)
            found[key] = max(least, min(known) if key == "pollingInterval" else max(known))
    advanced = next((one.advanced for one in options if one.advanced and one.advanced.to_wire()), None)
    return {**found, **({"advanced": advanced.to_wire()} if advanced else {})}


def _trigger(source: EventSource, event: str, spec: Kafka) -> Document:
    option = spec.scale_option or KafkaScale()
    metadata = {
        **option.metadata,
        "bootstrapServers": spec.brokers,
        "topic": option.topic or spec.topic or event,
        "consumerGroup": group_of(source, event, spec),
        "lagThreshold": str(option.lag_threshold or 10),
    }
    return {"type": "kafka", "metadata": metadata, **_authentication(option)}


def _authentication(option: ScaleOption) -> Document:
    return {"authenticationRef": option.auth_ref.to_wire()} if option.auth_ref else {}
