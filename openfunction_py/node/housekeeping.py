"""What the node keeps in order beside its Pods: templates of Deployments that are gone, and logs that grow.

It ends no instance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from openfunction_py.api.upstream import apps
from openfunction_py.lib import log
from openfunction_py.node import specs
from openfunction_py.node.following import Listener
from openfunction_py.node.parts import Parts
from openfunction_py.node.templates import Templates

REVISION_LABEL = specs.REVISION_LABEL
LOG_SECONDS = 60.0

logger = log.get("node.housekeeping")


class TemplateKeeper:
    """Ends a revision's templates with its Deployment, also when that went while no node ran."""

    def __init__(self, parts: Parts, known: Templates, group: asyncio.TaskGroup) -> None:
        """Look after these templates; work belongs to the group."""
        self._parts = parts
        self._templates = known
        self._group = group

    @property
    def listener(self) -> Listener[apps.Deployment]:
        """What a watch of Deployments tells."""
        return Listener(on_list=self._all, on_change=self._one)

    def _all(self, deployments: Sequence[apps.Deployment]) -> None:
        present = {_revision(one) for one in deployments}
        for about in self._templates.list():
            if (about.namespace, about.revision) not in present:
                self._drop(about.namespace, about.revision)

    def _one(self, deployment: apps.Deployment, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
        if not exists:
            self._drop(*_revision(deployment))

    def _drop(self, namespace: str, revision: str) -> None:
        logger.info("a revision is gone and its templates end", namespace=namespace, revision=revision)
        self._group.create_task(self._templates.drop(namespace, revision))


def _revision(deployment: apps.Deployment) -> tuple[str, str]:
    return deployment.metadata.namespace, deployment.metadata.labels.get(REVISION_LABEL, "")


async def bound_logs(parts: Parts) -> None:
    """Keep the logs of Pods within their bounds until cancelled."""
    while True:
        parts.shelf.prune()
        await asyncio.sleep(LOG_SECONDS)
