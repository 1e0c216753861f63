"""The Pods of this node: one worker for each, started, told and outlived.

It decides nothing about a Pod; a worker that fails is started again and continues from its record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from openfunction_py.api.upstream import core
from openfunction_py.lib import log
from openfunction_py.node import processes, records, specs, volumes
from openfunction_py.node.following import Listener
from openfunction_py.node.parts import Parts
from openfunction_py.node.processes import Identity
from openfunction_py.node.records import PodRecord
from openfunction_py.node.worker import Worker

logger = log.get("node.pods")


class Pods:
    """Workers by uid; their tasks belong to the group it is given."""

    def __init__(self, parts: Parts, group: asyncio.TaskGroup, *, node: str) -> None:
        """Take care of the Pods bound to `node`."""
        self._parts = parts
        self._group = group
        self._node = node
        self._workers: dict[str, Worker] = {}
        self.on_left: Callable[[core.Pod], None] | None = None  # told of each Pod once nothing of it runs
        self._orphans_ended = False

    @property
    def listener(self) -> Listener[core.Pod]:
        """What a watch tells."""
        return Listener(on_list=self._all, on_change=self._one)

    def workers(self) -> list[Worker]:
        """All workers."""
        return list(self._workers.values())

    def _all(self, pods: Sequence[core.Pod]) -> None:
        present = {pod.metadata.uid for pod in pods}
        for pod in pods:
            self._one(pod, True)  # noqa: FBT003 - a listener's second value
        for uid in self._workers.keys() - present:
            self._workers[uid].vanish()
        if not self._orphans_ended:
            self._orphans_ended = True
            self._parts.instances.settle()
            self._group.create_task(end_orphans(self._parts.home.pods, present))

    def _one(self, pod: core.Pod, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
        if pod.spec.node_name != self._node:
            return
        known = self._workers.get(pod.metadata.uid)
        if known is None and exists:
            known = Worker(self._parts, pod)
            self._workers[pod.metadata.uid] = known
            self._group.create_task(self._tend(known))
        if known is not None:
            known.update(pod)
            if not exists:
                known.vanish()

    async def _tend(self, one: Worker) -> None:
        """Run a worker to its end, again after a failure of its own."""
        uid = one.pod.metadata.uid
        while True:
            try:
                await one.run()
                break
            except Exception:
                logger.exception("a Pod's worker failed and starts again", pod=one.pod.metadata.name, uid=uid)
                await asyncio.sleep(self._parts.settings.retry_pause)
        self._workers.pop(uid, None)
        if self.on_left is not None:
            self.on_left(one.pod)


async def end_orphans(folder: Path, present: Iterable[str]) -> None:
    """End what is left of Pods that were removed while no node ran."""
    keep = set(present)
    for path, record in records.load_all(folder):
        if path.name in keep:
            continue
        if record is not None:
            logger.info("an instance of a removed Pod is ended", pod=record.name, uid=record.uid)
            await end_all(_identities([record]), seconds=0)
            processes.sweep(specs.MARK, {record.uid, *(f"{record.uid}.{name}" for name in record.containers)})
        volumes.discard(path)


async def end_recorded(folder: Path, *, seconds: float) -> None:
    """End every instance this folder knows of; for a node that is asked to stop, which is no failure of theirs."""
    found = [record for _, record in records.load_all(folder) if record is not None]
    for record in found:
        ended = {name: replace(one, failures=0) for name, one in record.containers.items() if one.identity}
        record.containers |= ended
        record.save(folder)
    await end_all(_identities(found), seconds=seconds)


def _identities(found: Iterable[PodRecord]) -> list[Identity]:
    return [
        one.identity for record in found for one in record.containers.values() if one.identity is not None
    ]


async def end_all(identities: Sequence[Identity], *, seconds: float) -> None:
    """SIGTERM to each group, SIGKILL to those that are left after so many seconds."""
    living = [one for one in identities if processes.is_alive(one)]
    if seconds > 0:
        async with processes.deadline(seconds), asyncio.TaskGroup() as group:
            for one in living:
                processes.terminate(one)
                group.create_task(processes.ended(one))
    for one in living:
        if processes.is_alive(one):
            processes.kill_group(one)
        processes.collect(one.pid)
