"""What a Revision is made of: its Deployment and its PodAutoscaler.

Pure makers: the same Revision makes the same objects.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, knative
from openfunction_py.autoscaling import spec as scaling
from openfunction_py.providers.knative import names

DEFAULT_PORT = 8080
DEFAULT_TIMEOUT = 300
CONTAINER = "user-container"
TIMEOUT_VARIABLE = "OFN_TIMEOUT_SECONDS"
REACHABILITY = {names.ACTIVE: "Reachable", names.RESERVE: "Unreachable"}


def labels_of(revision: knative.Revision) -> dict[str, str]:
    """The labels of everything a Revision makes, its Pods included."""
    return {
        **names.stable(revision.metadata.labels),
        names.REVISION: revision.metadata.name,
        names.REVISION_UID: revision.metadata.uid,
        names.APP: revision.metadata.name,
    }


def make_deployment(revision: knative.Revision, *, replicas: int, deadline: float) -> apps.Deployment:
    """The Deployment of a Revision. ``replicas`` is where it starts: afterwards they are the autoscaler's."""
    labels, annotations = labels_of(revision), names.stable(revision.metadata.annotations)
    return apps.Deployment.model_validate(
        {
            "metadata": {
                "name": names.deployment(revision.metadata.name),
                "namespace": revision.metadata.namespace,
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [meta.owner_of(revision).to_wire()],
            },
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {names.REVISION_UID: revision.metadata.uid}},
                "progressDeadlineSeconds": int(deadline),
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
                },
                "template": {
                    "metadata": {"labels": labels, "annotations": annotations},
                    "spec": make_pod_spec(revision),
                },
            },
        }
    )


def make_pod_spec(revision: knative.Revision) -> dict[str, Any]:
    """The Revision's containers with what Knative's runtime contract promises them."""
    spec = dict(revision.to_wire()["spec"])
    timeout = spec.pop("timeoutSeconds", None) or DEFAULT_TIMEOUT
    for own in ("containerConcurrency", "responseStartTimeoutSeconds", "idleTimeoutSeconds"):
        spec.pop(own, None)
    containers = [dict(one) for one in spec.get("containers") or []]
    serving = serving_index(containers)
    spec["containers"] = [
        _serving_container(revision, one, timeout=timeout) if index == serving else one
        for index, one in enumerate(containers)
    ]
    spec.setdefault("terminationGracePeriodSeconds", timeout)
    return spec


def serving_index(containers: list[dict[str, Any]]) -> int:
    """Which container serves: the one that declares a port, else the only one."""
    return next((index for index, one in enumerate(containers) if one.get("ports")), 0)


def _serving_container(
    revision: knative.Revision, container: dict[str, Any], *, timeout: int
) -> dict[str, Any]:
    ports = container.get("ports") or [{}]
    port = ports[0].get("containerPort") or DEFAULT_PORT
    given = container.get("env") or []
    labels = revision.metadata.labels
    promised = {
        "PORT": str(port),
        "K_REVISION": revision.metadata.name,
        "K_CONFIGURATION": labels.get(names.CONFIGURATION, ""),
        "K_SERVICE": labels.get(names.SERVICE, ""),
        TIMEOUT_VARIABLE: str(timeout),
    }
    taken = {one.get("name") for one in given}
    added = [{"name": name, "value": value} for name, value in promised.items() if name not in taken]
    return {
        **container,
        "name": container.get("name") or CONTAINER,
        "ports": [{"protocol": "TCP", **ports[0], "name": "user-port", "containerPort": port}],
        "env": [*given, *added],
        # The last lines of a container that ends without a message are the message: a Revision shows them.
        "terminationMessagePolicy": container.get("terminationMessagePolicy") or "FallbackToLogsOnError",
        "readinessProbe": container.get("readinessProbe")
        or {"tcpSocket": {"port": port}, "successThreshold": 1},
    }


def make_pod_autoscaler(revision: knative.Revision, spec: scaling.Spec) -> autoscaling.PodAutoscaler:
    """The PodAutoscaler of a Revision: what scales, and whether traffic can reach it."""
    return autoscaling.PodAutoscaler.model_validate(
        {
            "metadata": {
                "name": revision.metadata.name,
                "namespace": revision.metadata.namespace,
                "labels": labels_of(revision),
                "annotations": {
                    "autoscaling.knative.dev/class": spec.autoscaler_class,
                    "autoscaling.knative.dev/metric": spec.metric,
                    **names.stable(revision.metadata.annotations),
                },
                "ownerReferences": [meta.owner_of(revision).to_wire()],
            },
            "spec": {
                "containerConcurrency": revision.spec.container_concurrency or 0,
                "protocolType": "http1",
                "reachability": reachability(revision),
                "scaleTargetRef": {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": names.deployment(revision.metadata.name),
                },
            },
        }
    )


def reachability(revision: knative.Revision) -> str:
    """Whether traffic can reach a Revision; one that cannot run is not kept up for traffic."""
    conditions = revision.status.conditions if revision.status else []
    broken = ("ResourcesAvailable", "ContainerHealthy")
    if any(one.type in broken and one.status == "False" for one in conditions or []):
        return "Unreachable"
    return REACHABILITY.get(revision.metadata.labels.get(names.ROUTING_STATE, ""), "")
