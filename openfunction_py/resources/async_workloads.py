"""Serving → what runs an asynchronous function: a Deployment, a StatefulSet, or the Jobs of a ScaledJob.

One workload per Function, owned by it and updated in place, so that readers of a topic give way one by one. A Job
cannot be updated: without a scaler each version has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving, ServingSpec
from openfunction_py.api.upstream.apps import Deployment, StatefulSet
from openfunction_py.api.upstream.batch import Job
from openfunction_py.api.upstream.core import Service
from openfunction_py.resources import contexts, labels, pods, sidecars

DEPLOYMENT, STATEFUL_SET, JOB = "Deployment", "StatefulSet", "Job"
WORKLOAD = "openfunction.io/workload"
DEFAULT_RESTART = "Never"
GRACE_SECONDS = 60

Document = dict[str, Any]


def kind_of(spec: ServingSpec) -> str:
    """What the function runs as; Deployment where nothing is said."""
    return spec.workload_type or DEPLOYMENT


def name_of(function: str) -> str:
    """Name of a Function's Deployment or StatefulSet."""
    return f"{function}-async"


def is_scaled(spec: ServingSpec) -> bool:
    """Whether a scaler says how many there are."""
    keda = spec.scale_options.keda if spec.scale_options else None
    return keda is not None and bool(keda.triggers)


def make(
    serving: Serving,
    *,
    function: str,
    owner: meta.OwnerReference,
    known: Mapping[str, str] = contexts.NOTHING,
) -> Deployment | StatefulSet | Job | None:
    """The workload of this version; None where a ScaledJob starts the Jobs (SRV-11).

    `known` are Components that exist already, name → type.
    """
    kind = kind_of(serving.spec)
    if kind == JOB:
        return None if is_scaled(serving.spec) else _job(serving, function=function, owner=owner, known=known)
    metadata = _metadata(serving, function, owner, name_of(function))
    body: Document = {
        "selector": {"matchLabels": selector_of(function)},
        "template": template(serving, function=function, known=known),
    }
    if not is_scaled(serving.spec):
        body["replicas"] = _replicas(serving.spec)
    if kind == STATEFUL_SET:
        body["serviceName"] = serving.spec.service_name or name_of(function)
        claims = [one.to_wire() for one in serving.spec.volume_claim_templates]
        body.update({"volumeClaimTemplates": claims} if claims else {})
        return StatefulSet.model_validate({"metadata": metadata, "spec": body})
    # The next version is ready before the last one stops, also where there is one replica only.
    body["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return Deployment.model_validate({"metadata": metadata, "spec": body})


def make_service(serving: Serving, *, function: str, owner: meta.OwnerReference) -> Service | None:
    """The headless Service that gives a StatefulSet's Pods their names; None where the user's is named.

    Kubernetes makes none, and a set whose Service does not exist has Pods without names.
    """
    if kind_of(serving.spec) != STATEFUL_SET or serving.spec.service_name:
        return None
    port = contexts.port_of(serving.spec)
    body: Document = {
        "clusterIP": "None",
        "selector": selector_of(function),
        # Pods of a set find each other before they are ready.
        "publishNotReadyAddresses": True,
        "ports": [{"name": "function-port", "port": port, "targetPort": port, "protocol": "TCP"}],
    }
    metadata = _metadata(serving, function, owner, name_of(function))
    return Service.model_validate({"metadata": metadata, "spec": body})


def _job(serving: Serving, *, function: str, owner: meta.OwnerReference, known: Mapping[str, str]) -> Job:
    metadata = _metadata(serving, function, owner, f"{serving.metadata.name}-job")
    return Job.model_validate(
        {"metadata": metadata, "spec": job_spec(serving, function=function, known=known)}
    )


def job_spec(serving: Serving, *, function: str, known: Mapping[str, str] = contexts.NOTHING) -> Document:
    """The Job of this version, as a Job or a ScaledJob has it."""
    made = template(serving, function=function, known=known)
    keda = serving.spec.scale_options.keda if serving.spec.scale_options else None
    scaled = keda.scaled_job if keda else None
    made["spec"]["restartPolicy"] = (scaled.restart_policy if scaled else None) or DEFAULT_RESTART
    return {"parallelism": 1, "completions": 1, "backoffLimit": 6, "template": made}


def selector_of(function: str) -> dict[str, str]:
    """Labels that stay the same from version to version."""
    return {labels.FUNCTION: function, WORKLOAD: name_of(function)}


def _metadata(serving: Serving, function: str, owner: meta.OwnerReference, name: str) -> Document:
    return {
        "name": name,
        "namespace": serving.metadata.namespace,
        "labels": {**labels.of_function(function), labels.SERVING: serving.metadata.name},
        "ownerReferences": [owner.to_wire()],
    }


def _replicas(spec: ServingSpec) -> int:
    """Without a scaler nobody would start the first one again."""
    return max(1, (spec.scale_options.min_replicas if spec.scale_options else None) or 0)


def template(serving: Serving, *, function: str, known: Mapping[str, str] = contexts.NOTHING) -> Document:
    """The Pods of this version."""
    spec = serving.spec
    pod, own, others = pods.split(serving)
    pod["containers"] = [_container(serving, function, own, known), *others]
    pod.setdefault("enableServiceLinks", False)
    pod.setdefault("terminationGracePeriodSeconds", GRACE_SECONDS)
    version = pods.label_value(spec.version or "")
    tied = {
        **labels.of_function(function),
        **selector_of(function),
        labels.SERVING: serving.metadata.name,
        **({labels.VERSION: version} if version else {}),
    }
    made = sidecars.annotations_of(
        spec,
        function=function,
        namespace=serving.metadata.namespace,
        port=contexts.port_of(spec),
    )
    metadata = {"labels": {**spec.labels, **tied}, "annotations": {**spec.annotations, **made}}
    return {"metadata": metadata, "spec": pod}


def _container(serving: Serving, function: str, given: Document, known: Mapping[str, str]) -> Document:
    port = contexts.port_of(serving.spec)
    named = [one for one in given.get("ports", []) if one.get("containerPort") != port]
    variables = pods.environment(serving, function, given.get("env", []), known)
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return {
        **given,
        "name": pods.CONTAINER,
        "image": given.get("image") or serving.spec.image,
        "ports": [{"name": "function-port", "containerPort": port, "protocol": "TCP"}, *named],
        "env": [pod_name, *(one for one in variables if one["name"] != "POD_NAME")],
        "readinessProbe": given.get("readinessProbe") or {"tcpSocket": {"port": port}, "periodSeconds": 2},
    }
