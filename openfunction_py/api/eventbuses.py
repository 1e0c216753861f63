"""EventBus and ClusterEventBus events.openfunction.io/v1alpha1: the broker between sources and triggers.

Types only; rules stand in `rules_events`, defaults in `defaulting`.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api import events
from openfunction_py.api.events import EventStatus, ScaleOption, SecretKey
from openfunction_py.api.meta import Model, Object

SYNC = "always"


class NatsScale(ScaleOption):
    """Scaling on the messages a durable subscription has not seen."""

    nats_server_monitoring_endpoint: str = ""
    queue_group: str | None = None
    durable_name: str | None = None
    subject: str | None = None


class NatsStreaming(Model):
    """NATS Streaming, which is no more: its fields are read as those of JetStream at the same address."""

    nats_url: str = Field("", alias="natsURL")
    nats_streaming_cluster_id: str | None = None
    subscription_type: str | None = None
    durable_subscription_name: str | None = None
    consumer_id: str | None = None
    ack_wait_time: str | None = None
    max_in_flight: int | None = None
    deliver_new: bool | None = None
    start_at_sequence: int | None = None
    start_with_last_received: bool | None = None
    deliver_all: bool | None = None
    start_at_time_delta: str | None = None
    start_at_time: str | None = None
    start_at_time_format: str | None = None
    scale_option: NatsScale | None = None


class JetStream(Model):
    """NATS JetStream: at a URL, or without one a bus of our own.

    `syncInterval` always: nothing acknowledged is lost with the power; a duration is faster and may lose as much.
    """

    url: str | None = None
    monitoring_endpoint: str | None = None
    account: str | None = None
    token_secret: SecretKey | None = None
    replicas: int | None = None
    sync_interval: str | None = None
    storage: str | None = None
    max_age: str | None = None
    max_bytes: int | str | None = None


class KafkaBus(Model):
    """Kafka: one topic per event. `saslMechanism` and `disableTls` are those of Dapr's component."""

    brokers: str = ""
    auth_required: bool | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    sasl_password_secret: SecretKey | None = None
    sasl_mechanism: str | None = None
    disable_tls: bool | None = None
    partitions: int | None = None
    replication_factor: int | None = None


class EventBusSpec(Model):
    """One broker; without any, JetStream of our own."""

    topic: str | None = None
    nats_streaming: NatsStreaming | None = None
    jet_stream: JetStream | None = None
    kafka: KafkaBus | None = None


MECHANISMS = ("plaintext", "sha-256", "sha-512")
BROKERS = ("natsStreaming", "jetStream", "kafka")


class EventBus(Object):
    """A bus for the sources and triggers of its namespace."""

    api_version: str = events.VERSION
    kind: str = "EventBus"
    spec: EventBusSpec = Field(default_factory=EventBusSpec)
    status: EventStatus = Field(default_factory=EventStatus)


class ClusterEventBus(Object):
    """A bus for every namespace that has none of the same name."""

    api_version: str = events.VERSION
    kind: str = "ClusterEventBus"
    spec: EventBusSpec = Field(default_factory=EventBusSpec)
    status: EventStatus = Field(default_factory=EventStatus)
