"""Workers that take keys from a queue, reconcile them and decide what comes next.

The five branches are controller-runtime's reconcileHandler; each has its own count.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal, NoReturn

from openfunction_py.controller.types import Reconciler, Request, TerminalError
from openfunction_py.controller.workqueue import WorkQueue
from openfunction_py.kube import errors
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock

Outcome = Literal["done", "again_later", "outdated", "failed", "terminal"]

logger = log.get("controller")


class Controller:
    """One reconciler behind one queue."""

    def __init__(self, name: str, reconciler: Reconciler, *, workers: int, clock: Clock) -> None:
        """Wait for `run`."""
        self.name = name
        self.queue = WorkQueue()
        self.outcomes: Counter[Outcome] = Counter()
        self._reconciler = reconciler
        self._workers = workers
        self._clock = clock
        self._log = logger.bind(controller=name)

    def enqueue(self, request: Request, after: float = 0.0) -> None:
        """Ask for a key from outside of any watch, now or in some seconds."""
        self.queue.add_after(request, after)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self.name}-{number}")
        finally:
            self.queue.close()

    async def _work(self) -> NoReturn:
        while True:
            request = await self.queue.get()
            try:
                self.outcomes[await self._handle(request)] += 1
            finally:
                self.queue.done(request)

    async def _handle(self, request: Request) -> Outcome:
        about = self._log.bind(namespace=request.namespace, name=request.name)
        started = self._clock.monotonic()
        try:
            result = await self._reconciler.reconcile(request)
        except TerminalError as error:
            self.queue.forget(request)
            about.error("cannot be reconciled until it changes", error=str(error))
            return "terminal"
        except (errors.Conflict, errors.AlreadyExists, errors.Unreachable) as error:
            # the cache lags or the server is away: nothing is wrong with the object
            delay = self.queue.add_rate_limited(request)
            about.info(
                "reconciled from an old state; trying again", error=str(error), seconds=round(delay, 3)
            )
            return "outdated"
        except Exception as error:  # noqa: BLE001 - the worker outlives whatever it runs
            delay = self.queue.add_rate_limited(request)
            about.exception("reconciling failed; trying again", error=str(error), seconds=round(delay, 3))
            return "failed"
        self.queue.forget(request)
        about.debug("reconciled", seconds=round(self._clock.monotonic() - started, 4))
        if result.requeue_after is None:
            return "done"
        self.queue.add_after(request, result.requeue_after)
        return "again_later"
