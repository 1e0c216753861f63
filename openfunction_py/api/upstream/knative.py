"""Knative Serving: Service, Configuration, Revision, Route, ServerlessService.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.core import ObjectReference, PodSpec, TemplateMeta


class RevisionSpec(PodSpec):
    """A Pod's spec with Knative's limits."""

    container_concurrency: int | None = None
    timeout_seconds: int | None = None
    response_start_timeout_seconds: int | None = None
    idle_timeout_seconds: int | None = None


class RevisionTemplate(Open):
    """What the next Revision is."""

    metadata: TemplateMeta = Field(default_factory=TemplateMeta)
    spec: RevisionSpec = Field(default_factory=RevisionSpec)


class TrafficTarget(Open):
    """A share of the traffic for one Revision."""

    revision_name: str | None = None
    configuration_name: str | None = None
    latest_revision: bool | None = None
    percent: int | None = None
    tag: str | None = None
    url: str | None = None


class Address(Open):
    """Where something answers."""

    url: str = ""
    name: str = ""


class ConfigurationSpec(Open):
    """The template of Revisions."""

    template: RevisionTemplate = Field(default_factory=RevisionTemplate)


class ConfigurationStatus(Open):
    """Which Revisions came of a Configuration."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    latest_created_revision_name: str = ""
    latest_ready_revision_name: str = ""


class Configuration(Object):
    """What should run; each change makes a Revision."""

    api_version: str = "serving.knative.dev/v1"
    kind: str = "Configuration"
    spec: ConfigurationSpec = Field(default_factory=ConfigurationSpec)
    status: ConfigurationStatus = Field(default_factory=ConfigurationStatus)


class RouteSpec(Open):
    """Who gets the traffic."""

    traffic: list[TrafficTarget] = Field(default_factory=list)


class RouteStatus(Open):
    """Who has the traffic, under which name."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    url: str = ""
    address: Address | None = None
    traffic: list[TrafficTarget] = Field(default_factory=list)


class Route(Object):
    """A name and the Revisions behind it."""

    api_version: str = "serving.knative.dev/v1"
    kind: str = "Route"
    spec: RouteSpec = Field(default_factory=RouteSpec)
    status: RouteStatus = Field(default_factory=RouteStatus)


class KnativeServiceSpec(Open):
    """A Configuration and a Route in one."""

    template: RevisionTemplate = Field(default_factory=RevisionTemplate)
    traffic: list[TrafficTarget] = Field(default_factory=list)


class KnativeServiceStatus(Open):
    """The state of its Configuration and Route."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    latest_created_revision_name: str = ""
    latest_ready_revision_name: str = ""
    url: str = ""
    address: Address | None = None
    traffic: list[TrafficTarget] = Field(default_factory=list)


class KnativeService(Object):
    """A running thing with Revisions and a name."""

    api_version: str = "serving.knative.dev/v1"
    kind: str = "Service"
    spec: KnativeServiceSpec = Field(default_factory=KnativeServiceSpec)
    status: KnativeServiceStatus = Field(default_factory=KnativeServiceStatus)


class ContainerDigest(Open):
    """The exact image of a container."""

    name: str = ""
    image_digest: str = ""


class RevisionStatus(Open):
    """Whether a Revision can serve."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    log_url: str = ""
    actual_replicas: int | None = None
    desired_replicas: int | None = None
    container_statuses: list[ContainerDigest] = Field(default_factory=list)


class Revision(Object):
    """One immutable version."""

    api_version: str = "serving.knative.dev/v1"
    kind: str = "Revision"
    spec: RevisionSpec = Field(default_factory=RevisionSpec)
    status: RevisionStatus = Field(default_factory=RevisionStatus)


class ServerlessServiceSpec(Open):
    """Whether requests go to Pods (Serve) or to the activator (Proxy)."""

    mode: str = ""
    object_ref: ObjectReference = Field(default_factory=ObjectReference)
    protocol_type: str = ""
    num_activators: int | None = None


class ServerlessServiceStatus(Open):
    """The two Services of a Revision."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    service_name: str = ""
    private_service_name: str = ""


class ServerlessService(Object):
    """The switch between Pods and activator."""

    api_version: str = "networking.internal.knative.dev/v1alpha1"
    kind: str = "ServerlessService"
    spec: ServerlessServiceSpec = Field(default_factory=ServerlessServiceSpec)
    status: ServerlessServiceStatus = Field(default_factory=ServerlessServiceStatus)
