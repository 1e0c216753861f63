"""core/v1: Pods and what belongs to them, Services, Secrets, ConfigMaps, Namespaces, Events, Nodes.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api import meta
from openfunction_py.api.meta import Condition, LocalRef, Object, Open

IntOrString = int | str


class KeySelector(Open):
    """One key of a Secret or ConfigMap."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class FieldRef(Open):
    """A field of the Pod itself."""

    api_version: str = ""
    field_path: str = ""


class EnvVarSource(Open):
    """Where a variable's value comes from."""

    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None
    field_ref: FieldRef | None = None


class EnvVar(Open):
    """One environment variable."""

    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class EnvFromReference(Open):
    """A whole Secret or ConfigMap."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Open):
    """Variables from every key of an object."""

    prefix: str = ""
    config_map_ref: EnvFromReference | None = None
    secret_ref: EnvFromReference | None = None


class ContainerPort(Open):
    """A port a container listens on."""

    name: str = ""
    container_port: int
    protocol: str = ""
    host_port: int | None = None


class VolumeMount(Open):
    """A volume's place in a container."""

    name: str
    mount_path: str
    sub_path: str = ""
    read_only: bool | None = None


class HttpGet(Open):
    """A request that a probe makes."""

    path: str = ""
    port: IntOrString = 0
    host: str = ""
    scheme: str = ""


class TcpSocket(Open):
    """A connection that a probe opens."""

    port: IntOrString = 0
    host: str = ""


class Probe(Open):
    """How to see whether a container serves."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None


class Resources(Open):
    """Requests and limits, as quantities."""

    requests: dict[str, str | int | float] = Field(default_factory=dict)
    limits: dict[str, str | int | float] = Field(default_factory=dict)


class Container(Open):
    """A container of a Pod."""

    name: str
    image: str = ""
    image_pull_policy: str = ""
    command: list[str] = Field(default_factory=list)
    args: list[str] = Field(default_factory=list)
    working_dir: str = ""
    env: list[EnvVar] = Field(default_factory=list)
    env_from: list[EnvFromSource] = Field(default_factory=list)
    ports: list[ContainerPort] = Field(default_factory=list)
    resources: Resources | None = None
    volume_mounts: list[VolumeMount] = Field(default_factory=list)
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""


class KeyToPath(Open):
    """A key and the file it becomes."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapVolume(Open):
    """A ConfigMap as files."""

    name: str = ""
    items: list[KeyToPath] = Field(default_factory=list)
    default_mode: int | None = None
    optional: bool | None = None


class SecretVolume(Open):
    """A Secret as files."""

    secret_name: str = ""
    items: list[KeyToPath] = Field(default_factory=list)
    default_mode: int | None = None
    optional: bool | None = None


class ClaimVolume(Open):
    """A volume claim as a folder."""

    claim_name: str = ""
    read_only: bool | None = None


class Volume(Open):
    """A named source of files."""

    name: str
    persistent_volume_claim: ClaimVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    empty_dir: dict[str, Any] | None = None


class PodSpec(Open):
    """What a Pod runs."""

    node_name: str = ""
    service_account_name: str = ""
    restart_policy: str = ""
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    runtime_class_name: str = ""
    init_containers: list[Container] = Field(default_factory=list)
    containers: list[Container] = Field(default_factory=list)
    volumes: list[Volume] = Field(default_factory=list)
    image_pull_secrets: list[LocalRef] = Field(default_factory=list)
    enable_service_links: bool | None = None


class TemplateMeta(Open):
    """Name, labels and annotations of what a template makes."""

    name: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class PodTemplateSpec(Open):
    """The Pods a workload makes; any metadata a template may carry passes through."""

    metadata: TemplateMeta = Field(default_factory=TemplateMeta)
    spec: PodSpec = Field(default_factory=PodSpec)


class StateWaiting(Open):
    """A container that does not run yet."""

    reason: str = ""
    message: str = ""


class StateRunning(Open):
    """A container that runs."""

    started_at: str | None = None


class StateTerminated(Open):
    """A container that ended."""

    exit_code: int = 0
    signal: int | None = None
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = ""


class ContainerState(Open):
    """Exactly one of waiting, running, terminated."""

    waiting: StateWaiting | None = None
    running: StateRunning | None = None
    terminated: StateTerminated | None = None


class ContainerStatus(Open):
    """What the node says about a container."""

    name: str
    state: ContainerState = Field(default_factory=ContainerState)
    last_state: ContainerState = Field(default_factory=ContainerState)
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str = ""


class PodIP(Open):
    """One address of a Pod."""

    ip: str = ""


class PodStatus(Open):
    """What the node says about a Pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[Condition] = Field(default_factory=list)
    host_ip: str = ""
    pod_ip: str = ""
    pod_ips: list[PodIP] = Field(default_factory=list)
    start_time: str | None = None
    container_statuses: list[ContainerStatus] = Field(default_factory=list)
    init_container_statuses: list[ContainerStatus] = Field(default_factory=list)
    observed_generation: int | None = None
    qos_class: str = ""


class Pod(Object):
    """One copy of a workload."""

    api_version: str = "v1"
    kind: str = "Pod"
    spec: PodSpec = Field(default_factory=PodSpec)
    status: PodStatus = Field(default_factory=PodStatus)


class ServicePort(Open):
    """A port of a Service."""

    name: str = ""
    port: int
    target_port: IntOrString | None = None
    protocol: str = ""
    app_protocol: str = ""
    node_port: int | None = None


class ServiceSpec(Open):
    """Who answers under a Service's name."""

    type: str = ""
    cluster_ip: str = ""
    external_name: str = ""
    selector: dict[str, str] = Field(default_factory=dict)
    ports: list[ServicePort] = Field(default_factory=list)
    publish_not_ready_addresses: bool | None = None
    session_affinity: str = ""


class ServiceStatus(Open):
    """Addresses of a Service's balancer."""

    load_balancer: dict[str, Any] = Field(default_factory=dict)
    conditions: list[Condition] = Field(default_factory=list)


class Service(Object):
    """A name for a set of Pods."""

    api_version: str = "v1"
    kind: str = "Service"
    spec: ServiceSpec = Field(default_factory=ServiceSpec)
    status: ServiceStatus = Field(default_factory=ServiceStatus)


class Secret(Object):
    """Values that are never shown; `data` is base64."""

    api_version: str = "v1"
    kind: str = "Secret"
    type: str = ""
    data: dict[str, str] = Field(default_factory=dict)
    string_data: dict[str, str] = Field(default_factory=dict)
    immutable: bool | None = None


class ConfigMap(Object):
    """Values that may be shown; `binary_data` is base64."""

    api_version: str = "v1"
    kind: str = "ConfigMap"
    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, str] = Field(default_factory=dict)
    immutable: bool | None = None


class NamespaceSpec(Open):
    """What must happen before a namespace goes."""

    finalizers: list[str] = Field(default_factory=list)


class NamespaceStatus(Open):
    """Whether a namespace is in use."""

    phase: str = ""
    conditions: list[Condition] = Field(default_factory=list)


class Namespace(Object):
    """A space of names."""

    api_version: str = "v1"
    kind: str = "Namespace"
    spec: NamespaceSpec = Field(default_factory=NamespaceSpec)
    status: NamespaceStatus = Field(default_factory=NamespaceStatus)


class ObjectReference(Open):
    """An object of any kind."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class EventSource(Open):
    """Who saw an event."""

    component: str = ""
    host: str = ""


class Event(Object):
    """Something that happened to an object, for people."""

    api_version: str = "v1"
    kind: str = "Event"
    involved_object: ObjectReference = Field(default_factory=ObjectReference)
    reason: str = ""
    message: str = ""
    type: str = ""
    source: EventSource = Field(default_factory=EventSource)
    count: int = 0
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    action: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""


class NodeSpec(Open):
    """How a node may be used."""

    pod_cidr: str = Field("", alias="podCIDR")
    provider_id: str = ""
    unschedulable: bool | None = None
    taints: list[dict[str, Any]] = Field(default_factory=list)


class NodeAddress(Open):
    """One address of a node."""

    type: str
    address: str


class NodeInfo(Open):
    """What a node is."""

    machine_id: str = ""
    system_uuid: str = Field("", alias="systemUUID")
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    kube_proxy_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class NodeCondition(meta.Condition):
    """A condition with the time of the last sign of life."""

    last_heartbeat_time: str | None = None


class NodeStatus(Open):
    """What a node says about itself."""

    capacity: dict[str, str] = Field(default_factory=dict)
    allocatable: dict[str, str] = Field(default_factory=dict)
    conditions: list[NodeCondition] = Field(default_factory=list)
    addresses: list[NodeAddress] = Field(default_factory=list)
    node_info: NodeInfo | None = None


class Node(Object):
    """The machine Pods run on."""

    api_version: str = "v1"
    kind: str = "Node"
    spec: NodeSpec = Field(default_factory=NodeSpec)
    status: NodeStatus = Field(default_factory=NodeStatus)


class ServiceAccount(Object):
    """The identity of Pods."""

    api_version: str = "v1"
    kind: str = "ServiceAccount"
    secrets: list[ObjectReference] = Field(default_factory=list)
    image_pull_secrets: list[LocalRef] = Field(default_factory=list)
    automount_service_account_token: bool | None = None
