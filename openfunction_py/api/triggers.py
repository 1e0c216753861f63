"""Trigger events.openfunction.io/v1alpha1: which events of a bus go to whom.

Types only; rules stand in `rules_events`, defaults in `defaulting`.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api import events
from openfunction_py.api.events import EventStatus, Sink
from openfunction_py.api.meta import Model, Object

WINDOW = "60s"


class TriggerInput(Model):
    """An event of an EventSource; of the Trigger's namespace unless said otherwise."""

    namespace: str | None = None
    event_source: str = ""
    event: str = ""


class Delivery(Model):
    """How often and how long to try; `retry` counts the attempts after the first."""

    retry: int | None = None
    backoff_policy: str | None = None
    backoff_delay: str | None = None
    timeout: str | None = None
    retry_after_max: str | None = None


class Subscriber(Model):
    """Who gets an event: a sink, a topic, or both, when the condition holds and every filter passes.

    An event that the sink answers with goes to `reply_topic`; without one, to `topic`.
    """

    condition: str | None = None
    filters: list[dict[str, Any]] = Field(default_factory=list)
    sink: Sink | None = None
    dead_letter_sink: Sink | None = None
    topic: str | None = None
    reply_topic: str | None = None
    dead_letter_topic: str | None = None
    delivery: Delivery | None = None


class TriggerSpec(Model):
    """Inputs by name, and subscribers whose conditions speak of them."""

    event_bus: str = ""
    inputs: dict[str, TriggerInput] = Field(default_factory=dict)
    subscribers: list[Subscriber] = Field(default_factory=list)
    window: str | None = None
    log_level: str | None = None


class Trigger(Object):
    """Events to functions."""

    api_version: str = events.VERSION
    kind: str = "Trigger"
    spec: TriggerSpec = Field(default_factory=TriggerSpec)
    status: EventStatus = Field(default_factory=EventStatus)
