"""Waiting for what another task or process does, where nothing tells of it.

Gives up with the assertion that did not come true; never waits a fixed time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

SECONDS = 20.0


async def until(holds: Callable[[], object]) -> None:
    """Return once the function is true."""
    try:
        async with asyncio.timeout(SECONDS):
            while not holds():  # noqa: ASYNC110 - any state of anything, which has no event to wait for
                await asyncio.sleep(0.005)
    except TimeoutError:
        assert holds(), "it did not become true in time"


async def until_async(holds: Callable[[], Awaitable[object]]) -> None:
    """Return once what the function awaits is true."""
    true: object = False
    try:
        async with asyncio.timeout(SECONDS):
            while not (true := await holds()):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert true, "it did not become true in time"
