"""The tasks of something that lives between two calls, ended together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """Tasks that end by themselves or with `end`; one that fails is told in the log."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()  # Any: what each is for is its starter's

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something beside the caller."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a driver's task failed", exc_info=error)

    async def wait(self) -> None:
        """Until all have ended but the one that asks."""
        while others := self._running - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def end(self) -> None:
        """Cancel all but the one that asks and wait until they are gone."""
        for task in self._running - {asyncio.current_task()}:
            task.cancel()
        await self.wait()
