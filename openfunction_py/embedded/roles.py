"""The processes of a platform as coroutines: which part runs in which, and how each is ended.

A role runs until SIGTERM; then it is cancelled and may tidy up. It composes and decides nothing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from openfunction_py.embedded import endpoint, settings
from openfunction_py.kube import client as clients
from openfunction_py.lib import clock
from openfunction_py.lib import home as homes

Role = Callable[[homes.Home], Coroutine[Any, Any, None]]


async def control(home: homes.Home) -> None:
    """API server, manager and providers."""
    from openfunction_py.embedded import control as controls  # noqa: PLC0415 - each process imports its part alone

    await controls.run(home)


async def node(home: homes.Home) -> None:
    """The embedded kubelet; its instances end with it when it is asked to stop."""
    from openfunction_py.node import main as nodes  # noqa: PLC0415
    from openfunction_py.node import parts  # noqa: PLC0415

    told = parts.Settings(warm_sidecars=settings.load(home.config).dapr == "ofn")
    async with clients.Client(endpoint.of(home, "node")) as client:
        await nodes.run(client=client, home=home, clock=clock.SystemClock(), settings=told)


async def gateway(home: homes.Home) -> None:
    """Accepts, holds and forwards requests."""
    from openfunction_py.dataplane import main as gateways  # noqa: PLC0415

    chosen = settings.load(home.config)
    async with clients.Client(endpoint.of(home, "gateway")) as client:
        await gateways.run(
            client=client, home=home, host=chosen.host, port=chosen.gateway_port, clock=clock.SystemClock()
        )


ROLES: dict[str, Role] = {"control": control, "node": node, "gateway": gateway}


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run a role until it ends or this process is asked to stop; then cancel it and wait for its tidying up."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
