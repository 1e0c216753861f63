"""Printer columns by kind: what `get` shows.

Names come before these and are not listed; kinds without a row show their age.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `path` is a JSONPath, `priority` above zero shows with `-o wide` alone."""

    name: str
    type: str
    path: str
    priority: int = 0


def _text(name: str, path: str, priority: int = 0) -> Column:
    return Column(name, "string", path, priority)


def _number(name: str, path: str, priority: int = 0) -> Column:
    return Column(name, "integer", path, priority)


def _ready(name: str = "Ready") -> Column:
    return _text(name, '.status.conditions[?(@.type=="Ready")].status')


def _reason(kind: str = "Ready") -> Column:
    return _text("Reason", f'.status.conditions[?(@.type=="{kind}")].reason')


def _reason_as(name: str) -> Column:
    return _text(name, '.status.conditions[?(@.type=="Ready")].reason')


def _status(kind: str) -> Column:
    return _text(kind, f'.status.conditions[?(@.type=="{kind}")].status')


AGE = Column("Age", "date", ".metadata.creationTimestamp")
_CORE = "core.openfunction.io"
_KNATIVE = "serving.knative.dev"
_EVENTS = "events.openfunction.io"
_KEDA = "keda.sh"

_COLUMNS: dict[tuple[str, str], tuple[Column, ...]] = {
    (_CORE, "Function"): (
        _text("BuildState", ".status.build.state"),
        _text("ServingState", ".status.serving.state"),
        _text("Builder", ".status.build.resourceRef"),
        _text("Serving", ".status.serving.resourceRef"),
        _text("Address", '.status.addresses[?(@.type=="Internal")].value'),
        _text("URL", '.status.addresses[?(@.type=="External")].value'),
        _ready(),
        AGE,
    ),
    (_CORE, "Builder"): (
        _text("Phase", ".status.phase"),
        _text("State", ".status.state"),
        _text("Reason", ".status.reason"),
        _text("BuildDuration", ".status.buildDuration"),
        AGE,
    ),
    (_CORE, "Serving"): (_text("Phase", ".status.phase"), _text("State", ".status.state"), AGE),
    ("networking.openfunction.io", "Gateway"): (
        _text("Address", ".status.addresses[0].value"),
        _ready(),
        AGE,
    ),
    (_EVENTS, "EventSource"): (
        _text("EventBus", ".spec.eventBus"),
        _text("Sink", ".spec.sink.uri"),
        _reason_as("Status"),
        _ready(),
        AGE,
    ),
    (_EVENTS, "EventBus"): (_reason_as("Status"), _ready(), AGE),
    (_EVENTS, "ClusterEventBus"): (_reason_as("Status"), _ready(), AGE),
    (_EVENTS, "Trigger"): (_text("EventBus", ".spec.eventBus"), _reason_as("Status"), _ready(), AGE),
    ("", "PersistentVolumeClaim"): (
        _text("Status", ".status.phase"),
        _text("Capacity", ".status.capacity.storage"),
        AGE,
    ),
    ("apps", "StatefulSet"): (
        _number("Desired", ".spec.replicas"),
        _number("Ready", ".status.readyReplicas"),
        AGE,
    ),
    ("batch", "Job"): (
        _number("Completions", ".spec.completions"),
        _number("Succeeded", ".status.succeeded"),
        _number("Active", ".status.active"),
        AGE,
    ),
    (_KEDA, "ScaledObject"): (
        _text("ScaleTargetKind", ".status.scaleTargetKind"),
        _text("ScaleTargetName", ".spec.scaleTargetRef.name"),
        _number("Min", ".spec.minReplicaCount"),
        _number("Max", ".spec.maxReplicaCount"),
        _ready(),
        _status("Active"),
        _status("Fallback"),
        _status("Paused"),
        AGE,
    ),
    (_KEDA, "ScaledJob"): (
        _number("Min", ".spec.minReplicaCount"),
        _number("Max", ".spec.maxReplicaCount"),
        _ready(),
        _status("Active"),
        _status("Paused"),
        AGE,
    ),
    ("dapr.io", "Component"): (_text("Type", ".spec.type"), _text("Version", ".spec.version"), AGE),
    ("dapr.io", "Subscription"): (
        _text("Pubsub", ".spec.pubsubname"),
        _text("Topic", ".spec.topic"),
        AGE,
    ),
    ("", "Namespace"): (_text("Status", ".status.phase"), AGE),
    ("", "Node"): (_ready(), _text("Version", ".status.nodeInfo.kubeletVersion"), AGE),
    ("", "Pod"): (
        _ready(),
        _text("Status", ".status.phase"),
        _number("Restarts", ".status.containerStatuses[0].restartCount"),
        AGE,
        _text("IP", ".status.podIP", 1),
        _text("Node", ".spec.nodeName", 1),
    ),
    ("", "Service"): (
        _text("Type", ".spec.type"),
        _text("Cluster-IP", ".spec.clusterIP"),
        _text("External-Name", ".spec.externalName"),
        _number("Port", ".spec.ports[0].port"),
        AGE,
    ),
    ("", "Secret"): (_text("Type", ".type"), AGE),
    ("", "Event"): (
        Column("Last Seen", "date", ".lastTimestamp"),
        _text("Type", ".type"),
        _text("Reason", ".reason"),
        _text("Object", ".involvedObject.name"),
        _text("Message", ".message"),
    ),
    ("apps", "Deployment"): (
        _number("Ready", ".status.readyReplicas"),
        _number("Up-to-date", ".status.updatedReplicas"),
        _number("Available", ".status.availableReplicas"),
        AGE,
    ),
    ("apps", "ReplicaSet"): (
        _number("Desired", ".spec.replicas"),
        _number("Current", ".status.replicas"),
        _number("Ready", ".status.readyReplicas"),
        AGE,
    ),
    ("discovery.k8s.io", "EndpointSlice"): (
        _text("AddressType", ".addressType"),
        _number("Port", ".ports[0].port"),
        _text("Endpoint", ".endpoints[0].addresses[0]"),
        AGE,
    ),
    ("coordination.k8s.io", "Lease"): (_text("Holder", ".spec.holderIdentity"), AGE),
    ("shipwright.io", "Build"): (
        _text("Registered", ".status.registered"),
        _text("Reason", ".status.reason"),
        _text("BuildStrategyKind", ".spec.strategy.kind"),
        _text("BuildStrategyName", ".spec.strategy.name"),
        AGE,
    ),
    ("shipwright.io", "BuildRun"): (
        _text("Succeeded", '.status.conditions[?(@.type=="Succeeded")].status'),
        _reason("Succeeded"),
        Column("StartTime", "date", ".status.startTime"),
        Column("CompletionTime", "date", ".status.completionTime"),
    ),
    (_KNATIVE, "Service"): (
        _text("URL", ".status.url"),
        _text("LatestCreated", ".status.latestCreatedRevisionName"),
        _text("LatestReady", ".status.latestReadyRevisionName"),
        _ready(),
        _reason(),
        AGE,
    ),
    (_KNATIVE, "Configuration"): (
        _text("LatestCreated", ".status.latestCreatedRevisionName"),
        _text("LatestReady", ".status.latestReadyRevisionName"),
        _ready(),
        _reason(),
        AGE,
    ),
    (_KNATIVE, "Revision"): (
        _text("Config Name", r".metadata.labels.serving\.knative\.dev/configuration"),
        _text("Generation", r".metadata.labels.serving\.knative\.dev/configurationGeneration"),
        _ready(),
        _reason(),
        _number("Actual Replicas", ".status.actualReplicas"),
        _number("Desired Replicas", ".status.desiredReplicas"),
        AGE,
    ),
    (_KNATIVE, "Route"): (_text("URL", ".status.url"), _ready(), _reason(), AGE),
    ("autoscaling.internal.knative.dev", "PodAutoscaler"): (
        _number("DesiredScale", ".status.desiredScale"),
        _number("ActualScale", ".status.actualScale"),
        _ready(),
        _reason(),
        AGE,
    ),
    ("networking.internal.knative.dev", "ServerlessService"): (
        _text("Mode", ".spec.mode"),
        _text("ServiceName", ".status.serviceName"),
        _text("PrivateServiceName", ".status.privateServiceName"),
        _ready(),
        _reason(),
        AGE,
    ),
    ("gateway.networking.k8s.io", "HTTPRoute"): (_text("Hostnames", ".spec.hostnames"), AGE),
    ("gateway.networking.k8s.io", "Gateway"): (
        _text("Class", ".spec.gatewayClassName"),
        _text("Address", ".status.addresses[0].value"),
        AGE,
    ),
    ("gateway.networking.k8s.io", "GatewayClass"): (_text("Controller", ".spec.controllerName"), AGE),
}


def of(group: str, kind: str) -> tuple[Column, ...]:
    """The columns of a kind."""
    return _COLUMNS.get((group, kind), (AGE,))
