"""ConfigMaps and Secrets that change while Pods show them: their files change too.

It keeps no content, only versions; variables made from them stay as they were, as everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from openfunction_py.api import meta
from openfunction_py.kube import errors
from openfunction_py.lib import log
from openfunction_py.node import images, volumes
from openfunction_py.node.following import Listener
from openfunction_py.node.worker import Worker

logger = log.get("node.contents")


class Contents:
    """Tells the Pods of this node that what they show has changed."""

    def __init__(self, workers: Callable[[], Iterable[Worker]], group: asyncio.TaskGroup) -> None:
        """The workers at any moment, and the owner of what is started."""
        self._workers = workers
        self._group = group
        self._versions: dict[tuple[str, str, str], str] = {}

    def listener(self, kind: str) -> Listener[meta.Object]:
        """What a watch of one kind tells."""

        def on_list(objects: Sequence[meta.Object]) -> None:
            for one in objects:
                on_change(one, True)  # noqa: FBT003 - a listener's second value

        def on_change(one: meta.Object, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
            key = (kind, one.metadata.namespace, one.metadata.name)
            before = self._versions.pop(key, None)
            now = one.metadata.resource_version if exists else None
            if now is not None:
                self._versions[key] = now
            if now != before:
                self._tell(kind, one.metadata.namespace, one.metadata.name)

        return Listener(on_list, on_change)

    def _tell(self, kind: str, namespace: str, name: str) -> None:
        for worker in self._workers():
            pod = worker.pod
            shown = {volumes.source_of(volume) for volume in pod.spec.volumes}
            if pod.metadata.namespace == namespace and (kind, name) in shown:
                self._group.create_task(_refresh(worker, kind, name))


async def _refresh(worker: Worker, kind: str, name: str) -> None:
    """A Pod keeps what it shows when the new content cannot be had or written."""
    try:
        await worker.disk.refresh(kind, name)
    except (errors.ApiError, images.NotRunnableError, OSError) as error:
        logger.warning(
            "a volume keeps its old content",
            pod=worker.pod.metadata.name,
            kind=kind,
            name=name,
            error=str(error),
        )
