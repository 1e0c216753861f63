"""dapr.io: Component (v1alpha1) and Subscription (v2alpha1).

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Object, Open


class SecretKeyRef(Open):
    """A key of a secret store."""

    name: str = ""
    key: str = ""


class MetadataItem(Open):
    """One setting of a component; `value` is any scalar."""

    name: str
    value: Any = None
    secret_key_ref: SecretKeyRef | None = None
    env_ref: str | None = None


class ComponentSpec(Open):
    """Which driver, and its settings."""

    type: str = ""
    version: str = ""
    metadata: list[MetadataItem] = Field(default_factory=list)
    ignore_errors: bool | None = None
    init_timeout: str | None = None


class Auth(Open):
    """Where secrets of a component are."""

    secret_store: str = ""


class Component(Object):
    """A broker, store or other system that a sidecar speaks to; `scopes` are the app ids that may use it."""

    api_version: str = "dapr.io/v1alpha1"
    kind: str = "Component"
    spec: ComponentSpec = Field(default_factory=ComponentSpec)
    auth: Auth | None = None
    scopes: list[str] = Field(default_factory=list)


class Rule(Open):
    """A CEL expression over the event, and the path of events that it fits."""

    match: str = ""
    path: str = ""


class Routes(Open):
    """Paths by rule; the first that fits wins."""

    rules: list[Rule] = Field(default_factory=list)
    default: str = ""


class BulkSubscribe(Open):
    """Delivery in batches."""

    enabled: bool = False
    max_messages_count: int | None = None
    max_await_duration_ms: int | None = None


class SubscriptionSpec(Open):
    """Which topic goes where in the app."""

    topic: str = ""
    pubsubname: str = ""
    routes: Routes | None = None
    dead_letter_topic: str | None = None
    bulk_subscribe: BulkSubscribe | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


class Subscription(Object):
    """A topic that apps get without asking for it themselves."""

    api_version: str = "dapr.io/v2alpha1"
    kind: str = "Subscription"
    spec: SubscriptionSpec = Field(default_factory=SubscriptionSpec)
    scopes: list[str] = Field(default_factory=list)
