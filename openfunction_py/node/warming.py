"""Keeps a program's warm process while there is a Pod that runs the program, or what would make such a Pod.

At zero no Pod is left, and the next wake is when the fork counts: so Deployments and the like are asked as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.api.upstream import apps, core, keda
from openfunction_py.lib import log
from openfunction_py.node import runtime, specs
from openfunction_py.node.following import Listener
from openfunction_py.node.parts import Parts
from openfunction_py.node.templates import About, Templates
from openfunction_py.resources import sidecars

T = TypeVar("T", bound=Object)
# As the injection writes it; the arguments but for the first word do not matter to a warm process.
SIDECAR = core.Container(name="daprd", image="openfunction/eventing", args=["sidecar"])

logger = log.get("node.warming")


def runs_sidecar(pod: core.Pod) -> bool:
    """Whether a sidecar is in a Pod that has not ended."""
    return pod.status.phase not in ("Succeeded", "Failed") and any(
        one.image == SIDECAR.image and one.args[:1] == SIDECAR.args for one in pod.spec.containers
    )


class SidecarKeeper:
    """Starts the warm sidecar with the first that asks for one, and ends it after the last."""

    def __init__(self, parts: Parts, known: Templates, group: asyncio.TaskGroup) -> None:
        """Look after one warm process; work belongs to the group."""
        self._parts = parts
        self._templates = known
        self._group = group
        self._askers: dict[str, set[tuple[str, str]]] = {}
        self._listed: set[str] = set()
        self._losses = 0
        self._one_at_a_time = asyncio.Lock()
        self._spec = specs.warm_program(SIDECAR, parts.home)
        known.on_lost.append(self._lost)

    def listener(self, kind: str, asks: Callable[[T], bool]) -> Listener[T]:
        """What a watch of a kind tells; `asks` says whether an object needs a sidecar."""
        held = self._askers.setdefault(kind, set())

        def on_list(objects: Sequence[T]) -> None:
            held.clear()
            held.update(_name(one) for one in objects if asks(one))
            self._listed.add(kind)
            self._changed()

        def on_change(one: T, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
            before = _name(one) in held
            if exists and asks(one):
                held.add(_name(one))
            else:
                held.discard(_name(one))
            if before is not (_name(one) in held):
                self._changed()

        return Listener(on_list=on_list, on_change=on_change)

    @property
    def _wanted(self) -> bool:
        return self._parts.settings.warm_sidecars and any(self._askers.values())

    def _changed(self) -> None:
        if self._spec is None or not self._parts.settings.zygote:
            return
        known = self._askers.keys() == self._listed  # until then somebody may ask who is not known yet
        if self._wanted or known:
            self._group.create_task(self._settle())

    async def _settle(self, *, after: float = 0.0) -> None:
        """Have the warm process while it is wanted, and only then."""
        await asyncio.sleep(after)
        async with self._one_at_a_time:
            if self._spec is None:
                return
            if not self._wanted:
                await self._templates.end(self._spec.key)
                return
            try:
                await self._templates.ensure(self._spec)
            except runtime.RefusedError as error:
                logger.warning("sidecars start cold", reason=error.reason, error=str(error))

    def _lost(self, about: About) -> None:
        if self._spec is not None and about.key == self._spec.key:
            self._losses += 1
            delay = self._parts.settings.back_off.delay(self._losses)
            self._group.create_task(self._settle(after=delay))


def _name(one: Object) -> tuple[str, str]:
    return one.metadata.namespace, one.metadata.name


def makes_sidecars(one: apps.Deployment | apps.StatefulSet) -> bool:
    """Whether the Pods of a workload get a sidecar."""
    return sidecars.is_asked(one.spec.template.metadata.annotations)


def starts_sidecars(one: keda.ScaledJob) -> bool:
    """Whether the Jobs of a ScaledJob get a sidecar."""
    return sidecars.is_asked(one.spec.job_target_ref.template.metadata.annotations)
