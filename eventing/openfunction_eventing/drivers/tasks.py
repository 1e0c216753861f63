"""The tasks of something that lives between two calls, ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Tasks that end by themselves or with `end`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the caller."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def wait(self) -> None:
        """Until all have ended."""
        while self._running:
            await asyncio.wait(self._running)

    async def end(self) -> None:
        """Cancel all and wait until they are gone."""
        for task in self._running:
            task.cancel()
        await self.wait()
