"""What the kinds of events.openfunction.io share: sinks, scaling, conditions and names.

Types and words only; rules stand in `rules_events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field

from openfunction_py.api import meta
from openfunction_py.api.keda import Advanced
from openfunction_py.api.meta import Condition, Model

GROUP = "events.openfunction.io"
VERSION = f"{GROUP}/v1alpha1"
LOG_LEVEL = "1"


class SinkRef(Model):
    """A Function, Knative Service or Service that takes events."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


class Sink(Model):
    """Where events go; the URI wins over the reference."""

    uri: str | None = None
    ref: SinkRef | None = None


class SecretKey(Model):
    """A key of a Secret in the same namespace."""

    name: str = ""
    key: str = ""


class AuthRef(Model):
    """A TriggerAuthentication."""

    name: str = ""
    kind: str | None = None


class ScaleOption(Model):
    """KEDA's settings for what reads a topic or bus; seconds."""

    polling_interval: int | None = None
    cooldown_period: int | None = None
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    advanced: Advanced | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    auth_ref: AuthRef | None = None
    lag_threshold: int | str | None = None


class EventCondition(Condition):
    """One fact, one entry per type; `timestamp` is the older name of its transition time."""

    timestamp: str | None = None


class Reason(StrEnum):
    """Why a condition is as it is; words of the original where it has one."""

    CONFIGURATION = "ErrorConfiguration"
    NO_SUBSCRIBERS = "ErrorToFindTriggerSubscribers"
    NO_BUS = "ErrorToFindExistEventBus"
    NO_SINK = "SinkNotFound"
    NO_SECRET = "SecretNotFound"  # noqa: S105 - a reason, no secret
    UNREACHABLE = "BrokerUnreachable"
    REFUSED = "CredentialsRefused"
    UNSUPPORTED = "KindUnsupported"
    TOO_LARGE = "DocumentTooLarge"
    PENDING = "PendingCreation"
    SOURCE_READY = "EventSourceIsReady"
    BUS_READY = "EventBusIsReady"
    TRIGGER_READY = "TriggerIsReady"


def mark(conditions: Sequence[EventCondition], new: EventCondition, *, now: str) -> list[EventCondition]:
    """`conditions` with `new` in its place: one per type, both times moving only when the status does."""
    placed = meta.set_condition(conditions, new, now=now)
    return [
        EventCondition.model_validate({**one.to_wire(), "timestamp": one.last_transition_time})
        for one in placed
    ]


class EventStatus(Model):
    """What became of an object of this group."""

    conditions: list[EventCondition] = Field(default_factory=list)
    observed_generation: int | None = None


def topic(namespace: str, source: str, event: str) -> str:
    """The topic of an event on its bus."""
    return f"{namespace}-{source}-{event}"


def scalars(model: Model) -> dict[str, Any]:
    """What was set, under wire names, without what is no scalar."""
    return {key: value for key, value in model.to_wire().items() if not isinstance(value, dict | list)}
