"""Whether an instance serves and whether it is still well: its own word, and the probes of its container.

It stops nothing itself; it says ready, not ready, or dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from openfunction_py.api.upstream import core
from openfunction_py.node import probes
from openfunction_py.node.instances import Presence
from openfunction_py.node.probes import Rhythm, Target


class Health:
    """Watches one run of a container."""

    def __init__(self, container: core.Container, presence: Presence, *, address: str, port: int) -> None:
        """Look at this address; believe what comes through `presence`."""
        self._container = container
        self._presence = presence
        self._address = address
        self._port = port

    async def run(
        self,
        *,
        pause: float,
        was_ready: bool,
        on_ready: Callable[[bool], None],
        on_dead: Callable[[], Awaitable[None]],
    ) -> None:
        """Until cancelled, or until nothing is left to watch; `pause` lies between probes before the first success."""
        if not was_ready:
            await self._until_ready(pause)
            on_ready(True)  # noqa: FBT003 - a callback's one value
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay_ready(on_ready))
            group.create_task(self._stay_alive(on_dead))

    async def _until_ready(self, pause: float) -> None:
        """The instance's own word counts at once; an HTTP probe still has to succeed after it."""
        probe = self._container.readiness_probe
        where = self._target(probe)
        if probe is None or where is None:
            if self._container.ports:
                where = Target(self._address, self._port)
            else:
                return
        times = probes.rhythm(probe or core.Probe())
        if times.initial_delay:
            await self._said_ready(times.initial_delay)
        while True:
            if self._presence.ready.is_set() and not where.path:
                return
            if await probes.succeeds(where, seconds=times.timeout):
                return
            if self._presence.ready.is_set():
                await asyncio.sleep(pause)
            else:
                await self._said_ready(pause)

    async def _said_ready(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._presence.ready.wait()
        except TimeoutError:
            return

    async def _stay_ready(self, on_ready: Callable[[bool], None]) -> None:
        """Probe on; an instance with a line of its own and no path to ask is ready while it lives."""
        probe = self._container.readiness_probe
        where = self._target(probe)
        if probe is None or where is None or (self._presence.ready.is_set() and not where.path):
            return
        times = probes.rhythm(probe)
        failures = 0
        while True:
            await asyncio.sleep(times.period)
            if self._presence.ready.is_set() and not where.path:
                return  # an adopted instance is back on its line
            failures = 0 if await probes.succeeds(where, seconds=times.timeout) else failures + 1
            if failures == 0 or failures >= times.failures:
                on_ready(failures == 0)

    async def _stay_alive(self, on_dead: Callable[[], Awaitable[None]]) -> None:
        probe = self._container.liveness_probe
        where = self._target(probe)
        if probe is not None and where is not None:
            await self._until_failed(where, probes.rhythm(probe))
            await on_dead()

    async def _until_failed(self, where: Target, times: Rhythm) -> None:
        await asyncio.sleep(times.initial_delay)
        failures = 0
        while failures < times.failures:
            await asyncio.sleep(times.period)
            failures = 0 if await probes.succeeds(where, seconds=times.timeout) else failures + 1

    def _target(self, probe: core.Probe | None) -> Target | None:
        if probe is None:
            return None
        return probes.target(probe, self._container, address=self._address, port=self._port)
