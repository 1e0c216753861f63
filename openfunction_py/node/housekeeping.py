"""What the node keeps in order beside its Pods: templates as long as their Deployments, and logs that grow.

It ends no instance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, core
from openfunction_py.kube import errors
from openfunction_py.lib import log
from openfunction_py.node import environment, images, runtime, specs
from openfunction_py.node.following import Listener
from openfunction_py.node.parts import Parts
from openfunction_py.node.runtime import TemplateSpec
from openfunction_py.node.templates import About, Templates

LOG_SECONDS = 60.0

logger = log.get("node.housekeeping")


class TemplateKeeper:
    """Keeps a revision's template while its Deployment exists, also at zero, so that the next wake is a fork."""

    def __init__(self, parts: Parts, known: Templates, group: asyncio.TaskGroup) -> None:
        """Look after these templates; work belongs to the group."""
        self._parts = parts
        self._templates = known
        self._group = group
        self._deployments: dict[tuple[str, str], apps.Deployment] = {}
        self._losses: dict[tuple[str, str], int] = {}
        self._one_at_a_time = asyncio.Lock()
        known.on_lost.append(self._lost)

    @property
    def listener(self) -> Listener[apps.Deployment]:
        """What a watch of Deployments tells."""
        return Listener(on_list=self._all, on_change=self._one)

    def _all(self, deployments: Sequence[apps.Deployment]) -> None:
        """End templates of what is gone; warm what an earlier node had warm, newest first."""
        known = {_revision(one): one for one in deployments}
        self._deployments = {revision: one for revision, one in known.items() if revision[1]}
        held = {(about.namespace, about.revision) for about in self._templates.list() if about.revision}
        for revision in held - self._deployments.keys():
            self._drop(*revision)
        newest_first = sorted(
            self._deployments.items(),
            key=lambda item: item[1].metadata.creation_timestamp or "",
            reverse=True,
        )
        for revision, _ in newest_first:
            if revision not in held:
                self._group.create_task(self._warm(revision))

    def _one(self, deployment: apps.Deployment, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
        revision = _revision(deployment)
        if not revision[1]:
            return
        self._replaced(deployment, revision)
        if exists:
            known = revision in self._deployments
            self._deployments[revision] = deployment
            if not known and specs.REVISION_LABEL not in deployment.metadata.labels:
                # its first Pod comes with an event, which is not to wait for an import
                self._group.create_task(self._warm(revision))
        else:
            self._forget(revision)

    def _replaced(self, deployment: apps.Deployment, revision: tuple[str, str]) -> None:
        """An asynchronous function's Deployment is updated in place: its last version needs no template any more."""
        name = deployment.metadata.name
        for other, one in list(self._deployments.items()):
            if (other[0], one.metadata.name) == (revision[0], name) and other != revision:
                self._forget(other)

    def _forget(self, revision: tuple[str, str]) -> None:
        self._deployments.pop(revision, None)
        self._losses.pop(revision, None)
        self._drop(*revision)

    def pod_left(self, pod: core.Pod) -> None:
        """A Pod may have started its template once more when the Deployment was gone already; nobody needs it now."""
        revision = pod.metadata.namespace, specs.revision_of(pod)
        if revision[1] and revision not in self._deployments:
            self._drop(*revision)

    def _drop(self, namespace: str, revision: str) -> None:
        logger.debug("a revision is gone and its templates end", namespace=namespace, revision=revision)
        self._group.create_task(self._templates.drop(namespace, revision))

    def _lost(self, about: About) -> None:
        revision = about.namespace, about.revision
        if revision in self._deployments:
            self._losses[revision] = self._losses.get(revision, 0) + 1
            delay = self._parts.settings.back_off.delay(self._losses[revision])
            self._group.create_task(self._warm(revision, after=delay))

    async def _warm(self, revision: tuple[str, str], *, after: float = 0.0) -> None:
        """Start a revision's template, unless its Deployment went or its Pods would not be forks."""
        await asyncio.sleep(after)
        async with self._one_at_a_time:
            deployment = self._deployments.get(revision)
            if deployment is None:
                return
            try:
                spec = await self._spec(deployment)
                if spec is not None:
                    await self._templates.ensure(spec)
                if revision not in self._deployments:
                    await self._templates.drop(*revision)  # it went while its template was made
            except (images.NotRunnableError, runtime.RefusedError, errors.ApiError) as error:
                logger.info("a revision is not kept warm", revision=revision[1], error=str(error))

    async def _spec(self, deployment: apps.Deployment) -> TemplateSpec | None:
        """The template of the Pods this Deployment would make."""
        pod = _pod(deployment)
        parts = self._parts
        container = pod.spec.containers[0]
        runnable = await parts.images.resolve(container.image)
        sources = environment.Sources(parts.client, pod.metadata.namespace)
        env = await environment.resolve(container, pod, address="", sources=sources)
        spec = specs.make_template(pod, runnable=runnable, env=env, level=parts.level, home=parts.home)
        why = specs.why_no_fork(pod, container, trusted=runnable.trusted, template=spec)
        return None if why or not parts.settings.zygote else spec


def _revision(deployment: apps.Deployment) -> tuple[str, str]:
    return deployment.metadata.namespace, specs.revision_of(_pod(deployment))


def _pod(deployment: apps.Deployment) -> core.Pod:
    """A Pod as this Deployment would make it; what only a Pod itself has is no part of it."""
    template = deployment.spec.template
    marks = {**deployment.metadata.labels, **template.metadata.labels}
    return core.Pod(
        metadata=meta.ObjectMeta(
            name=deployment.metadata.name,
            namespace=deployment.metadata.namespace,
            labels=marks,
            annotations=template.metadata.annotations,
            owner_references=[
                meta.OwnerReference(
                    api_version="apps/v1", kind="ReplicaSet", name=deployment.metadata.name, uid=""
                )
            ],
        ),
        spec=template.spec,
    )


async def bound_logs(parts: Parts) -> None:
    """Keep the logs of Pods within their bounds until cancelled."""
    while True:
        parts.shelf.prune()
        await asyncio.sleep(LOG_SECONDS)
