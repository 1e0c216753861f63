"""EventBus and ClusterEventBus → the component that programs speak to, and for a bus of our own its NATS server.

A server of ours acknowledges what lies on the disk (`sync_interval: always`) unless the bus asks for a faster way.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import eventbuses, meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus, JetStream, KafkaBus
from openfunction_py.api.events import SecretKey, scalars
from openfunction_py.api.upstream.apps import StatefulSet
from openfunction_py.api.upstream.core import ConfigMap, Service
from openfunction_py.api.upstream.dapr import Component
from openfunction_py.lib import durations, naming, quantities
from openfunction_py.resources import jetstream, labels, sinks
from openfunction_py.resources.sinks import Place

IMAGE = "nats:2.15"
CONTAINER = "nats"
SYSTEM_NAMESPACE = "openfunction"
BUS = "openfunction.io/eventbus"
CONFIG = "nats.conf"
STORAGE = "1Gi"
# An event of 10 MB passes; NATS itself stops at 1.
MAX_PAYLOAD = 16 << 20
GRACE_SECONDS = 30

Bus = EventBus | ClusterEventBus
Document = dict[str, Any]


def home_of(bus: Bus) -> str:
    """The namespace in which a bus has its programs."""
    return bus.metadata.namespace if bus.kind == "EventBus" else SYSTEM_NAMESPACE


def name_of(bus: Bus) -> str:
    """Name of what belongs to a bus; one for the cluster is told apart from one of the namespace."""
    return naming.child_name(
        bus.metadata.name, "-bus" if bus.kind == "EventBus" else "-cluster-bus", limit=52
    )


def labels_of(bus: Bus) -> dict[str, str]:
    """Labels of what belongs to a bus."""
    return {BUS: name_of(bus), labels.MANAGED: "true"}


def is_own(bus: Bus) -> bool:
    """Whether we run the broker ourselves."""
    spec = bus.spec
    return (
        spec.nats_streaming is None and spec.kafka is None and not (spec.jet_stream and spec.jet_stream.url)
    )


def group_of(bus: Bus) -> str:
    """The durable group of the bus's dispatchers: the user's where one is given."""
    streaming = bus.spec.nats_streaming
    given = (streaming.consumer_id or streaming.durable_subscription_name) if streaming else None
    return given or f"{home_of(bus)}-{name_of(bus)}"


def url_of(bus: Bus, domain: str) -> str:
    """Where a JetStream bus is; empty for Kafka."""
    if bus.spec.kafka is not None:
        return ""
    if bus.spec.nats_streaming is not None:
        return bus.spec.nats_streaming.nats_url
    if bus.spec.jet_stream is not None and bus.spec.jet_stream.url:
        return bus.spec.jet_stream.url
    return f"nats://{sinks.host_of(name_of(bus), home_of(bus), domain)}:{jetstream.CLIENT_PORT}"


def component(bus: Bus, *, domain: str) -> Component:
    """The bus as a Dapr Component."""
    kafka = bus.spec.kafka
    kind, metadata = (
        ("pubsub.kafka", _kafka(kafka)) if kafka is not None else (jetstream.TYPE, _jetstream(bus, domain))
    )
    return Component.model_validate(
        {
            "metadata": {"name": name_of(bus), "namespace": home_of(bus)},
            "spec": {"type": kind, "version": "v1", "metadata": metadata},
        }
    )


def secrets_of(bus: Bus) -> list[str]:
    """Names of the Secrets that a program of the bus must have mounted."""
    keys = [
        bus.spec.jet_stream.token_secret if bus.spec.jet_stream else None,
        bus.spec.kafka.sasl_password_secret if bus.spec.kafka else None,
    ]
    return sorted({key.name for key in keys if key is not None and key.name})


def item(name: str, value: Any) -> Document:  # Any: a scalar of a manifest
    """A setting of a component."""
    return {"name": name, "value": value}


def secret_item(name: str, secret: SecretKey) -> Document:
    """A setting that stands in a Secret."""
    return {"name": name, "secretKeyRef": {"name": secret.name, "key": secret.key}}


def _jetstream(bus: Bus, domain: str) -> list[Document]:
    url = item("natsURL", url_of(bus, domain))
    streaming = bus.spec.nats_streaming
    if streaming is not None:
        given = [item(key, value) for key, value in scalars(streaming).items()]
        # One durable serves one topic, and a bus has many; the name is the group of all of them.
        kept = [one for one in jetstream.from_streaming(given) if one["name"] not in _GROUPS]
        return [url, *(one for one in kept if one["name"] != "natsURL")]
    stream = bus.spec.jet_stream or JetStream()
    found = [url]
    if stream.token_secret is not None:
        found.append(secret_item("token", stream.token_secret))
    if stream.replicas is not None:
        found.append(item("streamReplicas", str(stream.replicas)))
    if stream.max_age:
        found.append(item("streamMaxAge", f"{durations.parse(stream.max_age).total_seconds():g}s"))
    if stream.max_bytes is not None:
        found.append(item("streamMaxBytes", str(int(quantities.parse(stream.max_bytes)))))
    return found


_GROUPS = ("durableName", "consumerID", "queueGroupName")


def _kafka(kafka: KafkaBus) -> list[Document]:
    found = [item("brokers", kafka.brokers), item("initialOffset", "oldest"), *kafka_login(kafka)]
    for key, value in (("partitions", kafka.partitions), ("replicationFactor", kafka.replication_factor)):
        found += [item(key, str(value))] if value is not None else []
    return found


def kafka_login(kafka: Any) -> list[Document]:  # Any: a bus or an event of Kafka, alike in these fields
    """How to be let in."""
    if not kafka.auth_required:
        return [item("authType", "none")]
    password = (
        secret_item("saslPassword", kafka.sasl_password_secret)
        if kafka.sasl_password_secret is not None
        else item("saslPassword", kafka.sasl_password or "")
    )
    found = [item("authType", "password"), item("saslUsername", kafka.sasl_username or ""), password]
    found += [item("saslMechanism", kafka.sasl_mechanism)] if kafka.sasl_mechanism else []
    return found + ([item("disableTls", "true")] if kafka.disable_tls else [])


def server(bus: Bus, *, owner: meta.OwnerReference, domain: str) -> tuple[ConfigMap, Service, StatefulSet]:
    """Configuration, name and Pods of a bus of our own."""
    metadata = {
        "name": name_of(bus),
        "namespace": home_of(bus),
        "labels": labels_of(bus),
        "ownerReferences": [owner.to_wire()],
    }
    stream = bus.spec.jet_stream or JetStream()
    config = {"metadata": metadata, "data": {CONFIG: configuration(bus, domain=domain)}}
    service = {"metadata": metadata, "spec": _service(bus)}
    return (
        ConfigMap.model_validate(config),
        Service.model_validate(service),
        StatefulSet.model_validate({"metadata": metadata, "spec": _stateful(bus, stream)}),
    )


def configuration(bus: Bus, *, domain: str) -> str:
    """The server's configuration file."""
    stream = bus.spec.jet_stream or JetStream()
    limit = int(quantities.parse(stream.storage or STORAGE))
    lines = [
        "server_name: $POD_NAME",
        f"port: {jetstream.CLIENT_PORT}",
        f"http_port: {jetstream.MONITORING_PORT}",
        f"max_payload: {MAX_PAYLOAD}",
        "jetstream {",
        '  store_dir: "/data"',
        f"  max_file_store: {limit}",
        f"  sync_interval: {_sync(stream)}",
        "}",
    ]
    if stream.token_secret is not None:
        lines += ["authorization {", "  token: $NATS_TOKEN", "}"]
    if (stream.replicas or 1) > 1:
        lines += _cluster(bus, stream.replicas or 1, domain)
    return "\n".join(lines) + "\n"


def _sync(stream: JetStream) -> str:
    given = stream.sync_interval or eventbuses.SYNC
    return given if given == eventbuses.SYNC else f'"{durations.format(durations.parse(given))}"'


def _cluster(bus: Bus, replicas: int, domain: str) -> list[str]:
    """Each server knows the others by the names that a StatefulSet gives them."""
    name = name_of(bus)
    host = sinks.host_of(name, home_of(bus), domain)
    routes = [f"    nats://{name}-{number}.{host}:{jetstream.CLUSTER_PORT}" for number in range(replicas)]
    return [
        "cluster {",
        f"  name: {name}",
        f"  port: {jetstream.CLUSTER_PORT}",
        "  routes: [",
        *routes,
        "  ]",
        "}",
    ]


def _service(bus: Bus) -> Document:
    """Without an address of its own: clients and servers reach each server by name."""
    ports = [("client", jetstream.CLIENT_PORT), ("monitor", jetstream.MONITORING_PORT)]
    if ((bus.spec.jet_stream or JetStream()).replicas or 1) > 1:
        ports.append(("cluster", jetstream.CLUSTER_PORT))
    return {
        "clusterIP": "None",
        "selector": labels_of(bus),
        # Servers of a cluster find each other before they are ready.
        "publishNotReadyAddresses": len(ports) > 2,
        "ports": [
            {"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in ports
        ],
    }


def _stateful(bus: Bus, stream: JetStream) -> Document:
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": stream.storage or STORAGE}},
        },
    }
    return {
        "serviceName": name_of(bus),
        "replicas": stream.replicas or 1,
        "selector": {"matchLabels": labels_of(bus)},
        "podManagementPolicy": "Parallel",
        "template": {
            "metadata": {"labels": labels_of(bus)},
            "spec": {
                "terminationGracePeriodSeconds": GRACE_SECONDS,
                "containers": [_container(stream)],
                "volumes": [{"name": "config", "configMap": {"name": name_of(bus)}}],
            },
        },
        "volumeClaimTemplates": [claim],
    }


def _container(stream: JetStream) -> Document:
    env: list[Document] = [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    if stream.token_secret is not None:
        reference = {"name": stream.token_secret.name, "key": stream.token_secret.key}
        env.append({"name": "NATS_TOKEN", "valueFrom": {"secretKeyRef": reference}})
    probe = {"httpGet": {"path": "/healthz?js-enabled-only=true", "port": jetstream.MONITORING_PORT}}
    return {
        "name": CONTAINER,
        "image": IMAGE,
        "args": ["--config", f"/etc/nats/{CONFIG}"],
        "env": env,
        "ports": [
            {"name": "client", "containerPort": jetstream.CLIENT_PORT},
            {"name": "monitor", "containerPort": jetstream.MONITORING_PORT},
        ],
        "readinessProbe": {**probe, "periodSeconds": 1},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/nats", "readOnly": True},
            {"name": "data", "mountPath": "/data"},
        ],
    }


def place_of(bus: Bus, domain: str) -> Place:
    """Where names in what belongs to a bus are looked up."""
    return Place(home_of(bus), domain)
