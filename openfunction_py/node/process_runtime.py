"""The process runtime: every instance is a fresh process of its own session.

It can start anything that has a command line; it shares nothing between instances.
"""

from __future__ import annotations

from pathlib import Path

from openfunction_py.node import processes, runtime, sandbox, spawn
from openfunction_py.node.processes import Identity
from openfunction_py.node.runtime import Instance, InstanceSpec

NAME = "process"


class ProcessRuntime:
    """Starts instances through the launcher."""

    async def start(self, spec: InstanceSpec) -> Instance:
        """Start a fresh process; raises RefusedError when the machine cannot start any."""
        launch = spawn.Launch(
            argv=spec.argv,
            env=spec.env,
            cwd=spec.cwd,
            log=spec.log,
            exits=spec.exits,
            confinement=sandbox.confinement(spec.level, spec.needs),
        )
        try:
            identity = spawn.start(launch)
        except OSError as error:
            raise runtime.RefusedError(
                "StartFailed", f"this machine cannot start a process now: {error}"
            ) from error
        return self.adopt(identity, spec_exits=spec.exits, template="")

    def adopt(self, identity: Identity, *, spec_exits: Path, template: str) -> Instance:  # noqa: ARG002 - the seam's
        """An instance that runs already; its exit code comes from the kernel or from its exits file."""

        async def exits(ended: Identity) -> int | None:
            processes.kill_group(
                ended
            )  # before the status is collected, so that the group's id is still its own
            collected = processes.collect(ended.pid)
            written = spawn.exit_code(spec_exits)
            return collected if written is None else written

        return Instance(identity, NAME, exits)

    async def stop(self, instance: Instance, *, grace: float) -> None:
        """SIGTERM, then SIGKILL for the whole group."""
        await runtime.stop(instance, grace=grace)
