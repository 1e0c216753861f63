"""StatefulSet controller: Pods with names and volumes that stay theirs, made and replaced in order.

Claims outlive the Pods and the set, as Kubernetes keeps them; the node makes their folders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, core, storage
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import naming
from openfunction_py.providers.workloads import adoption, availability, ordinals, pods

MANAGER = "openfunction-statefulset"
REVISION_LABEL = "controller-revision-hash"
NAME_LABEL = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL = "apps.kubernetes.io/pod-index"


class Reconciler:
    """Drives one StatefulSet."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._sets = manager.lister(apps.StatefulSet)
        self._pods = manager.lister(core.Pod)
        self._claims = manager.lister(storage.PersistentVolumeClaim)

    async def reconcile(self, request: types.Request) -> types.Result:
        """One step toward the wanted Pods, then the status once."""
        current = self._sets.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        owned = [
            pod
            for pod in await adoption.members(self._client, current, self._pods)
            if ordinal_of(current, pod) is not None
        ]
        wait, now = current.spec.min_ready_seconds or 0, self._clock.now()
        seen = availability.count([one for one in owned if pods.is_active(one)], wait=wait, now=now)
        members = [self._member(current, pod, wait=wait) for pod in owned]
        await self._move(current, ordinals.plan(policy_of(current), members), owned)
        changed = apps.StatefulSet.model_validate(
            {**current.to_wire(), "status": make_status(current, owned, seen)}
        )
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result(requeue_after=seen.next_look)

    def _member(self, owner: apps.StatefulSet, pod: core.Pod, *, wait: int) -> ordinals.Member:
        available = availability.count([pod], wait=wait, now=self._clock.now()).available
        return ordinals.Member(
            ordinal=ordinal_of(owner, pod) or 0,
            updated=pod.metadata.labels.get(REVISION_LABEL) == revision_of(owner),
            available=bool(available) and pods.is_active(pod),
            terminating=pods.is_terminating(pod),
            finished=pods.is_finished(pod),
        )

    async def _move(self, owner: apps.StatefulSet, step: ordinals.Step, owned: Sequence[core.Pod]) -> None:
        going = [pod for pod in owned if ordinal_of(owner, pod) in step.delete]
        async with asyncio.TaskGroup() as group:
            for place in step.create:
                group.create_task(self._fill(owner, place))
            for pod in going:
                about = pod.metadata
                group.create_task(
                    self._client.delete(core.Pod, about.name, namespace=about.namespace, uid=about.uid)
                )

    async def _fill(self, owner: apps.StatefulSet, place: int) -> None:
        for claim in make_claims(owner, ordinal=place):
            if self._claims.get(claim.metadata.namespace, claim.metadata.name) is None:
                await self._create(claim)
        await self._create(make_pod(owner, ordinal=place))

    async def _create(self, made: core.Pod | storage.PersistentVolumeClaim) -> None:
        try:
            await self._client.create(made)
        except errors.AlreadyExists:
            return  # made by an earlier look that this cache has not seen yet


def policy_of(current: apps.StatefulSet) -> ordinals.Policy:
    """Scale and strategy of a set, with Kubernetes' defaults."""
    spec = current.spec
    update = spec.update_strategy
    rolling = (update.rolling_update if update else None) or {}
    return ordinals.Policy(
        replicas=1 if spec.replicas is None else spec.replicas,
        parallel=spec.pod_management_policy == "Parallel",
        partition=int(rolling.get("partition") or 0),
        on_delete=update is not None and update.type == "OnDelete",
    )


def revision_of(current: apps.StatefulSet) -> str:
    """The name of the newest template, as Pods bear it in a label."""
    template = current.to_wire()["spec"].get("template") or {}
    return f"{current.metadata.name}-{naming.digest_of(template)}"


def ordinal_of(owner: apps.StatefulSet, pod: core.Pod) -> int | None:
    """The place of a Pod in its set; None when its name is none that this set gives."""
    head, dash, tail = pod.metadata.name.rpartition("-")
    return int(tail) if dash and head == owner.metadata.name and tail.isdigit() else None


def make_pod(owner: apps.StatefulSet, *, ordinal: int) -> core.Pod:
    """The Pod of one place, with its own claims for the volumes that the set declares."""
    template = owner.to_wire()["spec"].get("template") or {}
    metadata = template.get("metadata") or {}
    name = f"{owner.metadata.name}-{ordinal}"
    marks = {REVISION_LABEL: revision_of(owner), NAME_LABEL: name, INDEX_LABEL: str(ordinal)}
    spec = dict(template.get("spec") or {})
    own = {claim.metadata.name: claim_name(owner, claim, ordinal) for claim in _templates(owner)}
    kept = [volume for volume in spec.get("volumes") or [] if volume.get("name") not in own]
    claimed = [{"name": key, "persistentVolumeClaim": {"claimName": value}} for key, value in own.items()]
    identity = {"hostname": name} | (
        {"subdomain": owner.spec.service_name} if owner.spec.service_name else {}
    )
    return core.Pod.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": owner.metadata.namespace,
                "labels": {**(metadata.get("labels") or {}), **marks},
                "annotations": metadata.get("annotations") or {},
                "ownerReferences": [meta.owner_of(owner).to_wire()],
            },
            "spec": {**spec, **identity, "volumes": [*kept, *claimed]},
        }
    )


def _templates(owner: apps.StatefulSet) -> list[storage.PersistentVolumeClaim]:
    return owner.spec.volume_claim_templates


def claim_name(owner: apps.StatefulSet, claim: storage.PersistentVolumeClaim, ordinal: int) -> str:
    """The claim of one place."""
    return f"{claim.metadata.name}-{owner.metadata.name}-{ordinal}"


def make_claims(owner: apps.StatefulSet, *, ordinal: int) -> list[storage.PersistentVolumeClaim]:
    """The claims of one place; nobody owns them, so that data outlives the set."""
    return [
        storage.PersistentVolumeClaim.model_validate(
            {
                "metadata": {
                    "name": claim_name(owner, claim, ordinal),
                    "namespace": owner.metadata.namespace,
                    "labels": {**claim.metadata.labels, **owner.spec.selector.match_labels},
                },
                "spec": claim.to_wire().get("spec") or {},
            }
        )
        for claim in _templates(owner)
    ]


def make_status(
    current: apps.StatefulSet, owned: Sequence[core.Pod], seen: availability.Seen
) -> dict[str, Any]:
    """The whole status; the current revision becomes the newest once every Pod is of it."""
    newest = revision_of(current)
    active = [pod for pod in owned if pods.is_active(pod)]
    updated = [pod for pod in active if pod.metadata.labels.get(REVISION_LABEL) == newest]
    wanted = policy_of(current).replicas
    before = current.status.current_revision or newest
    complete = len(updated) == wanted == len(active) and seen.ready == wanted
    revision = newest if complete else before
    return {
        "observedGeneration": current.metadata.generation,
        "replicas": len(active),
        "readyReplicas": seen.ready,
        "availableReplicas": seen.available,
        "currentReplicas": sum(1 for pod in active if pod.metadata.labels.get(REVISION_LABEL) == revision),
        "updatedReplicas": len(updated),
        "currentRevision": revision,
        "updateRevision": newest,
        "collisionCount": 0,
    }


def install(manager: managers.Manager) -> None:
    """Run the controller: a set is looked at when it or one of its Pods changes."""
    watches = [
        managers.Watch(apps.StatefulSet, managers.by_self),
        managers.Watch(core.Pod, managers.by_owner("StatefulSet")),
    ]
    manager.add("statefulset", Reconciler(manager), watches=watches, workers=2)
