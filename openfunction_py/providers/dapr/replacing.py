"""Pods whose sidecar is not the one that this platform puts into Pods: they were made before another was chosen.

They are deleted, and who owns them makes others. A Job's Pod ends by itself, and one of nobody is its user's. So is a
sidecar that stands in a workload's own template: its next Pod would have it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api import meta
from openfunction_py.api.upstream import core
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.providers.dapr import daprd, injection

OWNERS = frozenset({"ReplicaSet", "StatefulSet"})
IMAGES = frozenset({injection.IMAGE, daprd.IMAGE})


class Reconciler:
    """Drives one Pod to the chosen sidecar."""

    def __init__(self, manager: managers.Manager, image: str) -> None:
        """`image` is that of the chosen sidecar."""
        self._client = manager.client
        self._pods = manager.lister(core.Pod)
        self._image = image

    async def reconcile(self, request: types.Request) -> types.Result:
        """Delete the Pod when its sidecar is the other one."""
        pod = self._pods.get(request.namespace, request.name)
        if pod is not None and is_outdated(pod, self._image):
            about = pod.metadata
            await self._client.delete(core.Pod, about.name, namespace=about.namespace, uid=about.uid)
        return types.Result()


def is_outdated(pod: core.Pod, image: str) -> bool:
    """Whether a workload's Pod was given a sidecar by a platform, and not the one of this image."""
    about = pod.metadata
    others = IMAGES - {image}
    return (
        about.deletion_timestamp is None
        and injection.MARK in about.annotations
        and any(one.kind in OWNERS for one in about.owner_references)
        and any(one.name == injection.CONTAINER and one.image in others for one in pod.spec.containers)
    )


def install(manager: managers.Manager, *, image: str) -> None:
    """Run the controller; one key per Pod with the other sidecar."""

    def outdated(obj: meta.Object) -> Iterable[types.Request]:
        found = isinstance(obj, core.Pod) and is_outdated(obj, image)
        return (types.request_of(obj),) if found else ()

    watch = managers.Watch(core.Pod, outdated)
    manager.add("dapr-sidecars", Reconciler(manager, image), watches=[watch], workers=1)
