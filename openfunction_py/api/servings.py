"""Serving core.openfunction.io/v1beta2, and `spec.serving` of a Function, which is the same minus version and image.

Types only; rules stand in `rules`, defaults in `defaulting`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from openfunction_py.api.keda import Keda
from openfunction_py.api.meta import Condition, LocalRef, Model, Object
from openfunction_py.api.upstream.core import PodSpec
from openfunction_py.api.upstream.storage import PersistentVolumeClaim

CONTAINER = "function"  # of a template: the one that the build's image fills


class GatewayRef(Model):
    """A Gateway (networking.openfunction.io)."""

    name: str = ""
    namespace: str = ""


class RouteImpl(Model):
    """Under which names and rules a function is reached."""

    gateway_ref: GatewayRef | None = None
    hostnames: list[str] = Field(default_factory=list)
    rules: list[dict[str, Any]] = Field(default_factory=list)


class HttpTrigger(Model):
    """Requests start the function."""

    port: int | None = None
    engine: str | None = None
    route: RouteImpl | None = None
    timeout_seconds: int | None = None


class DaprTrigger(Model):
    """Messages of a Dapr component start the function."""

    name: str = ""
    type: str | None = None
    topic: str | None = None
    input_name: str | None = None


class DaprInput(Model):
    """A Dapr component the function reads."""

    name: str = ""
    type: str | None = None
    topic: str | None = None


class Input(Model):
    """A side input."""

    dapr: DaprInput | None = None


class Triggers(Model):
    """What starts the function."""

    http: HttpTrigger | None = None
    dapr: list[DaprTrigger] = Field(default_factory=list)
    inputs: list[Input] = Field(default_factory=list)


class DaprOutput(Model):
    """A Dapr component the function writes."""

    name: str = ""
    type: str | None = None
    topic: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    operation: str | None = None
    output_name: str | None = None


class Output(Model):
    """Where results go."""

    dapr: DaprOutput | None = None


class ScaleOptions(Model):
    """How many instances, decided by what."""

    min_replicas: int | None = None
    max_replicas: int | None = None
    knative: dict[str, str] = Field(default_factory=dict)
    keda: Keda | None = None


class SecretKeyRef(Model):
    """A key of a Secret."""

    name: str = ""
    key: str = ""


class MetadataItem(Model):
    """One setting of a Dapr component; a value of any scalar type."""

    name: str
    value: Any = None
    secret_key_ref: SecretKeyRef | None = None


class ComponentSpec(Model):
    """A Dapr component."""

    type: str = ""
    version: str = ""
    metadata: list[MetadataItem] = Field(default_factory=list)
    ignore_errors: bool | None = None
    init_timeout: str | None = None


class State(Model):
    """A Dapr state store; without a spec it exists already."""

    spec: ComponentSpec | None = None


class Hooks(Model):
    """Plugins around the function."""

    pre: list[str] = Field(default_factory=list)
    post: list[str] = Field(default_factory=list)
    policy: Literal["", "Append", "Override"] | None = None


class Exporter(Model):
    """Where spans go."""

    name: str | None = None
    endpoint: str | None = None
    headers: str | None = None
    compression: str | None = None
    timeout: str | None = None
    protocol: str | None = None


class TracingProvider(Model):
    """Who traces."""

    name: str | None = None
    oap_server: str | None = None
    exporter: Exporter | None = None


class Tracing(Model):
    """Tracing of the function's calls."""

    enabled: bool | None = None
    provider: TracingProvider | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    baggage: dict[str, str] = Field(default_factory=dict)


class ServingImpl(Model):
    """How an image runs. `runtime` is of older versions: read, never used.

    `serviceName` and `volumeClaimTemplates` are those of a StatefulSet.
    """

    triggers: Triggers | None = None
    scale_options: ScaleOptions | None = None
    outputs: list[Output] = Field(default_factory=list)
    bindings: dict[str, ComponentSpec] = Field(default_factory=dict)
    pubsub: dict[str, ComponentSpec] = Field(default_factory=dict)
    states: dict[str, State | None] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    template: PodSpec | None = None
    timeout: str | None = None
    hooks: Hooks | None = None
    tracing: Tracing | None = None
    workload_type: str | None = None
    service_name: str | None = None
    volume_claim_templates: list[PersistentVolumeClaim] = Field(default_factory=list)
    runtime: str | None = None


class ServingSpec(ServingImpl):
    """One version of a function, running."""

    version: str | None = None
    image: str = ""
    image_credentials: LocalRef | None = None


class ServingStatus(Model):
    """How far the version is."""

    phase: str = ""
    state: str = ""
    reason: str = ""
    message: str = ""
    resource_ref: dict[str, str] = Field(default_factory=dict)
    url: str | None = None
    revision: str | None = None
    conditions: list[Condition] = Field(default_factory=list)
    observed_generation: int | None = None


class Serving(Object):
    """The run-time side of a Function, one object per version."""

    api_version: str = "core.openfunction.io/v1beta2"
    kind: str = "Serving"
    spec: ServingSpec = Field(default_factory=ServingSpec)
    status: ServingStatus = Field(default_factory=ServingStatus)
