"""Pod templates: which ReplicaSet belongs to one, and the objects made from it.

Pure makers: names are derived, so that making the same thing twice is the same thing.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, core
from openfunction_py.lib import naming

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"


def without_hash(template: dict[str, Any]) -> dict[str, Any]:
    """A template as its Deployment wrote it."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.pop("labels", None) or {}).items() if key != HASH_LABEL}
    metadata = {key: value for key, value in metadata.items() if value} | (
        {"labels": labels} if labels else {}
    )
    return {"metadata": metadata, "spec": template.get("spec") or {}}


def same_template(deployment: apps.Deployment, replica_set: apps.ReplicaSet) -> bool:
    """Whether a ReplicaSet runs exactly what its Deployment asks for now."""
    return _template(deployment) == _template(replica_set)


def _template(obj: apps.Deployment | apps.ReplicaSet) -> dict[str, Any]:
    return without_hash(obj.to_wire().get("spec", {}).get("template") or {})


def make_replica_set(deployment: apps.Deployment, *, revision: int) -> apps.ReplicaSet:
    """A ReplicaSet at zero for the Deployment's template; its name holds the template and the owner."""
    template = _template(deployment)
    digest = naming.digest_of({"template": template, "owner": deployment.metadata.uid})
    labels = {**(template["metadata"].get("labels") or {}), HASH_LABEL: digest}
    selector = deployment.to_wire()["spec"].get("selector") or {}
    matched = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    return apps.ReplicaSet.model_validate(
        {
            "metadata": {
                "name": naming.child_name(deployment.metadata.name, f"-{digest}", limit=253),
                "namespace": deployment.metadata.namespace,
                "labels": labels,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [meta.owner_of(deployment).to_wire()],
            },
            "spec": {
                "replicas": 0,
                "minReadySeconds": deployment.spec.min_ready_seconds or 0,
                "selector": {**selector, "matchLabels": matched},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }
    )


def make_pod(replica_set: apps.ReplicaSet, *, ordinal: int) -> core.Pod:
    """The Pod of one place in a ReplicaSet.

    The name holds owner, generation and place: asked for twice through a lagging cache it is one Pod, and a
    set that went to zero and back starts Pods of new names.
    """
    template = replica_set.to_wire()["spec"].get("template") or {}
    metadata = template.get("metadata") or {}
    return core.Pod.model_validate(
        {
            "metadata": {
                "name": pod_name(replica_set, ordinal),
                "namespace": replica_set.metadata.namespace,
                "labels": metadata.get("labels") or {},
                "annotations": metadata.get("annotations") or {},
                "ownerReferences": [meta.owner_of(replica_set).to_wire()],
            },
            "spec": template.get("spec") or {},
        }
    )


def pod_name(replica_set: apps.ReplicaSet, ordinal: int) -> str:
    """Name of the Pod in one place of this generation of the set."""
    seed = [replica_set.metadata.uid, replica_set.metadata.generation, ordinal]
    return naming.child_name(replica_set.metadata.name, f"-{naming.digest_of(seed, length=5)}", limit=253)
