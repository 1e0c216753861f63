"""One Pod from its binding to its end: address, containers, status, deadline, removal.

It never touches another Pod; cancelling it leaves the instances running for the next worker.
"""

from __future__ import annotations

import asyncio

from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.lib import clock, log
from openfunction_py.node import programs, records, sandbox, specs, status, volumes
from openfunction_py.node.parts import Parts
from openfunction_py.node.records import ContainerRecord, PodRecord
from openfunction_py.node.reporting import Reporter
from openfunction_py.node.runner import Runner, Shared

RUNTIME_ANNOTATION = "openfunction.io/runtime"
REASON_ANNOTATION = "openfunction.io/runtime-reason"
DEFAULT_GRACE = 30.0
SIDECAR = "daprd"

logger = log.get("node.worker")


class Worker:
    """Makes one Pod true."""

    def __init__(self, parts: Parts, pod: core.Pod) -> None:
        """Continue where an earlier node stopped, if there is a record."""
        self._parts = parts
        self._pod = pod
        self._leaving = asyncio.Event()
        self._gone = False
        self._expired: tuple[str, str] | None = None
        self._folder = parts.home.pods / pod.metadata.uid
        self._record = records.load(self._folder) or self._fresh()
        self._runners: list[Runner] = []
        self.disk = volumes.Disk(
            pod, self._folder / volumes.VOLUMES, home=parts.home, client=parts.client, level=self._level()
        )
        self._reporter = Reporter(
            parts.client,
            pod,
            compose=self._compose,
            pause=parts.settings.status_pause,
            retry=parts.settings.retry_pause,
        )
        self.update(pod)

    def _level(self) -> sandbox.Level:
        """Whose the Pod's files are: the sandboxed user's as soon as one container is no program of the platform."""
        found = [programs.find(one.image) for one in self._pod.spec.containers]
        if all(one is not None and not one.confined for one in found):
            return sandbox.Level.NONE
        return self._parts.level

    def _fresh(self) -> PodRecord:
        meta = self._pod.metadata
        return PodRecord(meta.uid, meta.namespace, meta.name)

    def update(self, pod: core.Pod) -> None:
        """Note the newest object."""
        self._pod = pod
        if pod.metadata.deletion_timestamp is not None:
            self._leaving.set()

    def vanish(self) -> None:
        """The object is gone: end without grace and write nothing."""
        self._gone = True
        self._leaving.set()

    @property
    def pod(self) -> core.Pod:
        """The newest object."""
        return self._pod

    @property
    def record(self) -> PodRecord:
        """What is remembered of the Pod."""
        return self._record

    async def run(self) -> None:
        """Until the Pod is removed."""
        self._settle_address()
        self._runners = [self._runner(container) for container in self._pod.spec.containers]
        async with asyncio.TaskGroup() as group:
            reporting = group.create_task(self._reporter.run())
            work = group.create_task(self._work())
            self._reporter.change(urgent=False)
            await self._leaving.wait()
            await self._stop_all(grace=0.0 if self._gone else self._grace())
            work.cancel()
            reporting.cancel()
        await self._remove()

    def _settle_address(self) -> None:
        if self._record.address:
            self._parts.addresses.keep(self._record.uid, self._record.address)
            return
        ports = [port.container_port for one in self._pod.spec.containers for port in one.ports]
        self._record.address = self._parts.addresses.choose(self._record.uid, ports=ports)
        self._record.started_at = clock.timestamp(self._parts.clock.now())
        self._record.save(self._parts.home.pods)

    def _runner(self, container: core.Container) -> Runner:
        return Runner(
            self._parts,
            self._pod,
            container,
            shared=Shared(self._record.address, self.disk),
            record=self._record.containers.get(container.name, ContainerRecord()),
            changed=self._note,
        )

    def _note(self, urgent: bool) -> None:  # noqa: FBT001 - a callback's one value
        before = dict(self._record.containers)
        self._record.containers = {one.container.name: one.record for one in self._runners}
        if self._record.containers != before:
            self._record.save(self._parts.home.pods)
        self._reporter.change(urgent)

    async def _work(self) -> None:
        """All containers until each is done, or until the Pod's deadline."""
        if self._record.failed is not None:
            return
        async with asyncio.TaskGroup() as group:
            deadline = group.create_task(self._end_at_deadline())
            await self._run_containers()
            deadline.cancel()
        if self._expired is not None:
            self._record.failed = self._expired
            self._record.save(self._parts.home.pods)
        self._reporter.change(urgent=True)

    async def _run_containers(self) -> None:
        """All of them; in a Pod whose work ends, the sidecar ends with the work."""
        async with asyncio.TaskGroup() as group:
            tasks = [(one, group.create_task(one.run())) for one in self._runners]
            work = [task for one, task in tasks if one.container.name != SIDECAR]
            if self._pod.spec.restart_policy in ("Never", "OnFailure") and 0 < len(work) < len(tasks):
                await asyncio.wait(work)
                for one, task in tasks:
                    if task not in work:
                        await one.stop(grace=self._grace())

    async def _end_at_deadline(self) -> None:
        left = self._seconds_left()
        if left is None:
            return
        await asyncio.sleep(left)
        limit = self._pod.spec.active_deadline_seconds
        self._expired = (
            "DeadlineExceeded",
            f"the Pod was active on the node longer than its limit of {limit} s; raise the timeout or make the work "
            f"shorter",
        )
        await self._stop_all(grace=min(self._grace(), self._parts.settings.stop_seconds))

    def _seconds_left(self) -> float | None:
        limit = self._pod.spec.active_deadline_seconds
        if limit is None or self._record.started_at is None:
            return None
        began = clock.parse(self._record.started_at)
        return max(0.0, limit - (self._parts.clock.now() - began).total_seconds())

    def _grace(self) -> float:
        for seconds in (
            self._pod.metadata.deletion_grace_period_seconds,
            self._pod.spec.termination_grace_period_seconds,
        ):
            if seconds is not None:
                return float(seconds)
        return DEFAULT_GRACE

    async def _stop_all(self, *, grace: float) -> None:
        self._reporter.change(urgent=True)
        async with asyncio.TaskGroup() as group:
            for runner in self._runners:
                group.create_task(runner.stop(grace=grace))

    async def _remove(self) -> None:
        for runner in self._runners:
            runner.forget()
        self._parts.addresses.release(self._record.uid)
        volumes.discard(self._folder)
        if not self._gone:
            await self._delete_object()

    async def _delete_object(self) -> None:
        """Tell the API server that nothing of the Pod runs any more; it may be away for a while."""
        meta = self._pod.metadata
        while not self._gone:
            try:
                await self._parts.client.delete(
                    core.Pod, meta.name, namespace=meta.namespace, uid=meta.uid, grace_seconds=0
                )
                return
            except errors.Conflict:
                return  # another Pod has the name by now
            except errors.ApiError as error:
                logger.info("a Pod cannot be removed now", pod=meta.name, error=str(error))
                await asyncio.sleep(self._parts.settings.retry_pause)

    def _compose(self, previous: core.PodStatus | None) -> tuple[core.PodStatus, dict[str, str]]:
        first = self._record.containers.get(self._pod.spec.containers[0].name, ContainerRecord())
        runtime = ("", "")
        level = ("", "")
        if first.runtime:
            runtime = (first.runtime.capitalize(), first.why)
            level = (first.level, sandbox.sentence(sandbox.Level(first.level)))
        seen = [one.view() for one in self._runners]
        over = None if any(one.running for one in seen) else self._expired  # said once nothing runs any more
        view = status.PodView(
            containers=seen,
            address=self._record.address,
            started_at=self._record.started_at or "",
            runtime=runtime,
            sandbox=level,
            failed=self._record.failed or over,
        )
        now = clock.timestamp(self._parts.clock.now())
        annotations = (
            {RUNTIME_ANNOTATION: first.runtime, REASON_ANNOTATION: first.why} if first.runtime else {}
        )
        return status.make_status(self._pod, view, now=now, previous=previous), annotations


def revision_of(pod: core.Pod) -> str:
    """The revision a Pod serves; empty for other Pods."""
    return pod.metadata.labels.get(specs.REVISION_LABEL, "")
