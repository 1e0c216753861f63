"""EventSource events.openfunction.io/v1alpha1: events from outside, by kind and name.

Types only; rules stand in `rules_events`, defaults in `defaulting`.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api import events
from openfunction_py.api.events import EventStatus, ScaleOption, SecretKey, Sink
from openfunction_py.api.meta import Model, Object


class KafkaScale(ScaleOption):
    """Scaling on the lag of a consumer group."""

    consumer_group: str | None = None
    topic: str | None = None


class Kafka(Model):
    """Records of a Kafka topic; without a topic, the one named like the event."""

    brokers: str = ""
    topic: str | None = None
    auth_required: bool | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    sasl_password_secret: SecretKey | None = None
    sasl_mechanism: str | None = None
    disable_tls: bool | None = None
    max_message_bytes: int | None = None
    scale_option: KafkaScale | None = None


class Cron(Model):
    """A moment, again and again: 5 or 6 fields, or @every 2s."""

    schedule: str = ""


class Mqtt(Model):
    """Messages of an MQTT topic."""

    url: str = ""
    topic: str = ""
    consumer_id: str | None = None
    qos: int | None = None
    retain: bool | None = None
    clean_session: bool | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


class Redis(Model):
    """Entries of a Redis stream; without a stream, the one named like the event."""

    redis_host: str = ""
    redis_password: str | None = None
    stream: str | None = None
    enable_tls: bool | None = Field(None, alias="enableTLS")
    failover: bool | None = None
    sentinel_master_name: str | None = None
    redeliver_interval: str | None = None
    processing_timeout: str | None = None
    redis_type: str | None = None
    redis_db: int | None = Field(None, alias="redisDB")
    redis_max_retries: int | None = None
    redis_min_retry_interval: str | None = None
    redis_max_retry_interval: str | None = None
    dial_timeout: str | None = None
    read_timeout: str | None = None
    write_timeout: str | None = None
    pool_size: int | None = None
    pool_timeout: str | None = None
    max_conn_age: str | None = None
    min_idle_conns: int | None = None
    idle_check_frequency: str | None = None
    idle_timeout: str | None = None


class Nats(Model):
    """Messages of a subject; with a stream they are kept until they are handled."""

    url: str = ""
    subject: str = ""
    stream: str | None = None
    durable: str | None = None
    queue_group: str | None = None
    token_secret: SecretKey | None = None


class Http(Model):
    """CloudEvents that somebody posts; without a path, the one named like the event."""

    path: str | None = None


class Signature(Model):
    """How a sender proves who it is: an HMAC of the body in a header."""

    header: str = ""
    algorithm: str | None = None
    prefix: str | None = None
    secret: SecretKey | None = None


class Webhook(Model):
    """Any posts, each made an event; without a path, the one named like the event."""

    path: str | None = None
    type: str | None = None
    id_header: str | None = None
    type_header: str | None = None
    signature: Signature | None = None


class EventSourceSpec(Model):
    """Events by kind and name, and where they go: a bus, a sink, or both."""

    event_bus: str | None = None
    sink: Sink | None = None
    kafka: dict[str, Kafka] = Field(default_factory=dict)
    cron: dict[str, Cron] = Field(default_factory=dict)
    mqtt: dict[str, Mqtt] = Field(default_factory=dict)
    redis: dict[str, Redis] = Field(default_factory=dict)
    nats: dict[str, Nats] = Field(default_factory=dict)
    http: dict[str, Http] = Field(default_factory=dict)
    webhook: dict[str, Webhook] = Field(default_factory=dict)
    build: dict[str, Any] | None = None
    log_level: str | None = None


KINDS = ("kafka", "cron", "mqtt", "redis", "nats", "http", "webhook")


class EventSource(Object):
    """Where events come from."""

    api_version: str = events.VERSION
    kind: str = "EventSource"
    spec: EventSourceSpec = Field(default_factory=EventSourceSpec)
    status: EventStatus = Field(default_factory=EventStatus)


def path_of(event: str, given: str | None) -> str:
    """The path at which an event is posted."""
    return given or f"/{event}"
