"""The zygote runtime: an instance is a fork of its revision's template.

It refuses what has no template, or one that cannot be forked safely; the caller then takes another runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from functions_framework import control
from openfunction_py.node import processes, runtime, sandbox, spawn, templates
from openfunction_py.node.processes import Identity
from openfunction_py.node.runtime import Instance, InstanceSpec, TemplateSpec
from openfunction_py.node.templates import Template

NAME = "zygote"


class ZygoteRuntime:
    """Forks instances from templates, starting a template when there is none yet."""

    def __init__(self, known: templates.Templates) -> None:
        """Fork from these templates."""
        self._templates = known

    async def start(self, spec: InstanceSpec) -> Instance:
        """Fork an instance; raises RefusedError with the reason to start a fresh process instead."""
        if spec.template is None:
            raise runtime.RefusedError(
                "NoTemplate", "the Pod does not run a function that a template could hold"
            )
        pid = await self._fork(spec, spec.template)
        identity = processes.identify(pid) or Identity(pid, "", processes.boot_id())
        return self.adopt(identity, spec_exits=spec.exits, template=spec.template.key)

    async def _fork(self, spec: InstanceSpec, wanted: TemplateSpec) -> int:
        try:
            return await self._order(await self._templates.ensure(wanted), spec)
        except runtime.RefusedError as refusal:
            if refusal.reason != "TemplateLost":
                raise
        return await self._order(await self._templates.ensure(wanted), spec)

    async def _order(self, template: Template, spec: InstanceSpec) -> int:
        if template.about.program:
            return await template.launch(spec.id, _orders(spec))
        order = control.ForkSpec(
            instance=spec.id,
            host=spec.host,
            port=spec.port,
            env=spec.env,
            log=str(spec.log),
            control=str(spec.control),
            limits={"nofile": sandbox.NOFILE, **({"cpus": spec.cpus} if spec.cpus else {})},
        )
        return await template.fork(order)

    def adopt(self, identity: Identity, *, spec_exits: Path, template: str) -> Instance:  # noqa: ARG002 - the seam's
        """An instance that runs already; its template tells, or wrote down, how it ends."""

        async def exits(ended: Identity) -> int | None:
            processes.kill_group(ended)
            parent = self._templates.get(template)
            told = await parent.exit_code(ended.pid) if parent else None
            if told is None:
                told = templates.recorded_exit(self._templates.exits_file(template), ended.pid)
            return told

        return Instance(identity, NAME, exits, template)

    async def stop(self, instance: Instance, *, grace: float) -> None:
        """SIGTERM, then SIGKILL for the whole group."""
        await runtime.stop(instance, grace=grace)


def _orders(spec: InstanceSpec) -> dict[str, Any]:
    """What a fork of a warm program is told; its interpreter, `-m` and module are those of the warm process."""
    launch = spawn.Launch(
        argv=spec.argv[2:],
        env=spec.env,
        cwd=spec.cwd,
        log=spec.log,
        confinement=sandbox.confinement(spec.level, spec.needs),
    )
    return {**spawn.orders(launch), "log": str(spec.log)}
