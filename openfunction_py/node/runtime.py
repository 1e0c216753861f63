"""The seam behind which instances start: what is asked for, what one is, and how it is stopped.

It names no runtime; process and zygote stand in modules of their own and share one contract suite.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openfunction_py.node import processes, sandbox
from openfunction_py.node.processes import Identity

KILLED = 128 + signal.SIGKILL


class RefusedError(Exception):
    """A runtime cannot start this instance; `reason` is stable and the text says why."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """What a template is made from: the code it imports, with which environment, in which trust domain.

    `revision` is empty in the spec of a dependency template; a revision's names the one that it is best forked from.
    One with a `program` is a warm program: it belongs to no namespace, and its forks confine themselves.
    """

    key: str
    namespace: str
    revision: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    level: sandbox.Level
    needs: sandbox.Needs
    image: str = ""
    dependencies: TemplateSpec | None = None
    program: str = ""


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """What an instance is started from; `template` is set when it may be a fork."""

    id: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    host: str
    port: int
    log: Path
    exits: Path
    control: Path
    level: sandbox.Level
    needs: sandbox.Needs
    cpus: int = 0
    template: TemplateSpec | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A started instance; `template` is the key of the one it is a fork of."""

    identity: Identity
    runtime: str
    exits: Callable[[Identity], Awaitable[int | None]] = field(repr=False)
    template: str = ""

    async def wait(self) -> int | None:
        """Return once it has ended: its exit code, or None when nobody saw it."""
        await processes.ended(self.identity)
        return await self.exits(self.identity)


class InstanceRuntime(Protocol):
    """Starts instances, finds those of an earlier node again, and stops them."""

    async def start(self, spec: InstanceSpec) -> Instance:
        """Start an instance; raises RefusedError."""
        ...

    def adopt(self, identity: Identity, *, spec_exits: Path, template: str) -> Instance:
        """Take over an instance that an earlier node started."""
        ...

    async def stop(self, instance: Instance, *, grace: float) -> None:
        """Ask it to end, then kill all of it after `grace` seconds."""
        ...


async def stop(instance: Instance, *, grace: float) -> None:
    """SIGTERM to the process group, SIGKILL to what is left of it after `grace` seconds."""
    if grace > 0:
        processes.send(instance.identity, signal.SIGTERM)
        async with processes.deadline(grace):
            await processes.ended(instance.identity)
            return
    if processes.is_alive(instance.identity):
        processes.kill_group(instance.identity)
        await processes.ended(instance.identity)
