"""One container of a Pod: start, serve, end, start again; until it is done or its Pod goes.

It writes no status; it keeps its record and tells its Pod when something changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from functions_framework import control
from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.lib import clock, log
from openfunction_py.node import (
    endings,
    environment,
    health,
    images,
    processes,
    restarts,
    runtime,
    sandbox,
    specs,
    volumes,
)  # fmt: skip
from openfunction_py.node.instances import Measured
from openfunction_py.node.logs import Run
from openfunction_py.node.parts import Parts
from openfunction_py.node.records import ContainerRecord, Ended
from openfunction_py.node.runtime import Instance, InstanceSpec
from openfunction_py.node.status import ContainerView
from openfunction_py.wire.messages import Load

logger = log.get("node.runner")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the containers of one Pod have in common."""

    address: str
    disk: volumes.Disk


class Runner:
    """Runs one container; `changed` is called after every step, with whether others wait for it."""

    def __init__(
        self,
        parts: Parts,
        pod: core.Pod,
        container: core.Container,
        *,
        shared: Shared,
        record: ContainerRecord,
        changed: Callable[[bool], None],
    ) -> None:
        """Continue from a record; a fresh one starts from the beginning."""
        self.container = container
        self.record = record
        self._parts = parts
        self._pod = pod
        self._address = shared.address
        self._changed = changed
        self.id = specs.instance_id(pod, container)
        self._presence = parts.instances.presence(self.id)
        self._presence.on_load = self._measured
        self._presence.on_word = self._said
        self._instance: Instance | None = None
        self._waiting = ("ContainerCreating", "")
        self._problems = 0
        self._leaving = asyncio.Event()
        self._disk = shared.disk

    def view(self) -> ContainerView:
        """The container as it is now."""
        running = self._instance is not None
        return ContainerView(
            name=self.container.name,
            image=self.container.image,
            record=self.record,
            running=running,
            ready=running and self.record.ready and not self._leaving.is_set(),
            waiting=self._waiting,
        )

    async def run(self) -> None:
        """Until the container is done; cancelling leaves a running instance as it is."""
        self._instance = self._adopted()
        while not self.record.done and not self._leaving.is_set():
            if self._instance is None and not self.record.identity:
                problem = await self._try_to_start()
                if problem is not None:
                    await self._wait_out(problem)
                    continue
                if self._leaving.is_set() and self._instance is not None:
                    # asked to stop while it was being started: nobody else knows of the instance yet
                    await self._parts.runtime(self._instance.runtime).stop(self._instance, grace=1.0)
            await self._serve()
            await self._pause()

    def _adopted(self) -> Instance | None:
        record = self.record
        if record.identity is None or not processes.is_alive(record.identity):
            return None
        self._parts.shelf.begin(self._run())
        return self._parts.runtime(record.runtime).adopt(
            record.identity, spec_exits=self._run().exits, template=record.template
        )

    def _run(self) -> Run:
        meta = self._pod.metadata
        folder = self._parts.shelf.folder(meta.namespace, meta.name, meta.uid)
        return self._parts.shelf.run(folder, self.container.name, self.record.restarts)

    async def _try_to_start(self) -> images.NotRunnableError | None:
        """Start, or say in one value why that was not possible this time."""
        try:
            await self._start()
        except images.NotRunnableError as problem:
            return problem
        except errors.Unreachable as error:
            # Nobody's fault who wrote the Pod: it is still being made, and what watches it does not give up on it.
            return images.NotRunnableError("ContainerCreating", f"the API does not answer: {error}")
        except errors.ApiError as error:
            return images.NotRunnableError("ConfigNotReadable", f"what it needs cannot be read: {error}")
        except Exception as error:
            logger.exception("a container cannot be started", pod=self._pod.metadata.name)
            return images.NotRunnableError("NodeFailed", f"the node failed to start it, see its log: {error}")
        return None

    async def _start(self) -> None:
        if self._pod.spec.init_containers:
            raise images.NotRunnableError(
                "InitContainersNotSupported",
                "this node runs no init containers; do their work in the container itself, or run it on a cluster",
            )
        runnable = await self._parts.images.resolve(self.container.image)
        self.record = replace(self.record, image_id=runnable.digest)
        sources = environment.Sources(self._parts.client, self._pod.metadata.namespace)
        folder = self._parts.home.pods / self._pod.metadata.uid
        await self._disk.prepare()
        env = await environment.resolve(self.container, self._pod, address=self._address, sources=sources)
        place = specs.Place(folder, self._address, self._run(), self._parts.level)
        spec = specs.make_instance(
            self._pod, self.container, runnable=runnable, env=env, place=place, home=self._parts.home
        )
        if spec.needs.stage is not None:
            spec.needs.stage.mkdir(exist_ok=True)
        self._parts.shelf.open(place.run, spec.level)
        self._instance = await self._launch(spec)
        self._problems = 0
        self._keep(
            identity=self._instance.identity,
            runtime=self._instance.runtime,
            template=self._instance.template,
            level=spec.level.value,
            started_at=self._now(),
            ready=False,
        )

    async def _launch(self, spec: InstanceSpec) -> Instance:
        """A fork if that is possible, else a fresh process, and why."""
        trusted = spec.level is sandbox.Level.NONE
        why = specs.why_no_fork(self._pod, self.container, trusted=trusted, template=spec.template)
        if not why and not self._parts.settings.zygote:
            why = "this node is set to start fresh processes"
        if not why:
            try:
                instance = await self._parts.zygote.start(spec)
            except runtime.RefusedError as refusal:
                why = f"{refusal.reason}: {refusal}"
            else:
                warm = spec.template is not None and spec.template.program
                what = "a warm program" if warm else "its revision's template"
                self.record = replace(self.record, why=f"the instance is a fork of {what}")
                return instance
        try:
            instance = await self._parts.process.start(spec)
        except runtime.RefusedError as refusal:
            raise images.NotRunnableError(refusal.reason, str(refusal)) from refusal
        self.record = replace(self.record, why=why)
        return instance

    async def _serve(self) -> None:
        """Watch the instance until it ends, and note how; without one, note an end nobody saw."""
        code: int | None = None
        if self._instance is not None:
            self._presence.expect(self._instance.identity)
            self._changed(self.record.ready)
            code = await self._until_end(self._instance)
        elif self.record.identity is not None:
            code = (
                await self._parts.runtime(self.record.runtime)
                .adopt(self.record.identity, spec_exits=self._run().exits, template=self.record.template)
                .exits(self.record.identity)
            )
        self._note_end(code)

    async def _until_end(self, instance: Instance) -> int | None:
        watch = health.Health(
            self.container, self._presence, address=self._address, port=specs.port_of(self.container)
        )
        async with asyncio.TaskGroup() as group:
            checks = group.create_task(
                watch.run(
                    pause=self._parts.settings.probe_pause,
                    was_ready=self.record.ready,
                    on_ready=self._mark_ready,
                    on_dead=lambda: self._replace_unhealthy(instance),
                )
            )
            code = await instance.wait()
            checks.cancel()
        return code

    def _mark_ready(self, ready: bool) -> None:  # noqa: FBT001 - a callback's one value
        if ready != self.record.ready:
            self._keep(ready=ready)

    def _said(self, ready: bool, leaving: bool) -> None:  # noqa: FBT001 - a callback's values
        """The instance's own word; one that wants to leave may go once gateways have seen it."""
        self._mark_ready(ready)
        if leaving:
            grace = float(self._pod.spec.termination_grace_period_seconds or 30)
            delay = self._parts.settings.drain_delay
            asyncio.get_running_loop().call_later(delay, self._presence.tell, control.drain(grace))

    async def _replace_unhealthy(self, instance: Instance) -> None:
        await self._tell(
            "Unhealthy", f"the container {self.container.name} fails its liveness probe and is stopped"
        )
        grace = float(self._pod.spec.termination_grace_period_seconds or 30)
        await self._parts.runtime(instance.runtime).stop(instance, grace=grace)

    def _note_end(self, code: int | None) -> None:
        processes.sweep(specs.MARK, [self.id])  # what left its process group ends with it
        run = self._run()
        self._parts.shelf.finish(run)
        reason, message = endings.explain(self.container, run, code)
        ended = Ended(endings.exit_code(code), reason, message, self.record.started_at, self._now())
        again = (
            restarts.restarts(self._pod.spec.restart_policy, ended.exit_code) and not self._leaving.is_set()
        )
        self._instance = None
        self._keep(
            identity=None,
            ready=False,
            last=ended,
            done=not again,
            restarts=self.record.restarts + (1 if again else 0),
            failures=self._failures(ended),
        )

    def _failures(self, ended: Ended) -> int:
        if ended.reason == "ContainerStatusUnknown":
            return 0
        began = clock.parse(ended.started_at) if ended.started_at else self._parts.clock.now()
        long = (self._parts.clock.now() - began).total_seconds() >= self._parts.settings.back_off.reset
        return 1 if long else self.record.failures + 1

    async def _pause(self) -> None:
        if self.record.done or self._leaving.is_set():
            return
        delay = self._parts.settings.back_off.delay(self.record.failures)
        self._parts.shelf.drop_old_runs(self._run().log.parent, self.container.name)
        if delay:
            last = self.record.last
            said = f"; last words: {last.message.strip()}" if last and last.message else ""
            self._waiting = (
                "CrashLoopBackOff",
                f"back-off {delay:g}s restarting failed container={self.container.name}{said}",
            )
            self._changed(True)  # noqa: FBT003 - a callback's one value
            await self._tell("BackOff", self._waiting[1])
            await self._rest(delay)

    async def _wait_out(self, problem: images.NotRunnableError) -> None:
        self._problems += 1
        if self._problems == 1:
            await self._tell(problem.reason, str(problem))
        self._waiting = (problem.reason, str(problem))
        self._changed(True)  # noqa: FBT003 - a callback's one value
        await self._rest(self._parts.settings.pull_back_off.delay(self._problems + 1))

    async def _rest(self, seconds: float) -> None:
        """Wait, but not when the Pod leaves."""
        async with processes.deadline(seconds):
            await self._leaving.wait()

    async def _tell(self, reason: str, message: str) -> None:
        await self._parts.recorder.event(self._pod, type="Warning", reason=reason, message=message)

    def _keep(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]  # names are the record's own
        self._changed(bool({"done", "last"} & changes.keys()) or changes.get("ready") is True)

    def _now(self) -> str:
        return clock.timestamp(self._parts.clock.now())

    def _measured(self, load: Measured) -> None:
        revision = self._pod.metadata.labels.get(specs.REVISION_LABEL, "")
        if revision:
            meta = self._pod.metadata
            self._parts.publish(
                Load("instance", meta.namespace, revision, load.concurrency, load.requests, meta.name)
            )

    async def stop(self, *, grace: float) -> None:
        """Drain order: let gateways see it leave, let it finish what is under way, then end what is left."""
        was_ready = self.record.ready
        self._leaving.set()
        instance = self._instance or self._adopted()
        if instance is None:
            return
        self._presence.expect(instance.identity)
        if was_ready and grace > 0:
            await self._or_end(instance, asyncio.sleep(self._parts.settings.drain_delay))
        if grace > 0 and self._presence.tell(control.drain(grace)):
            async with processes.deadline(grace):
                await processes.ended(instance.identity)
            grace = min(grace, 1.0)
        await self._parts.runtime(instance.runtime).stop(instance, grace=grace)

    async def _or_end(self, instance: Instance, pause: Awaitable[None]) -> None:
        """Wait, but no longer than the instance lives."""
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_swallow(pause))
            ended = group.create_task(processes.ended(instance.identity))
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            ended.cancel()

    def forget(self) -> None:
        """Give up the instance's place at the door."""
        self._parts.instances.leave(self.id)


async def _swallow(pause: Awaitable[None]) -> None:
    await pause
