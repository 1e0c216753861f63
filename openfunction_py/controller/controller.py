"""Workers that take keys from a queue, reconcile them and decide what comes next.

The five branches are controller-runtime's reconcileHandler; each has its own count.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Literal, NoReturn

from openfunction_py.controller.types import Reconciler, Request, TerminalError
from openfunction_py.controller.workqueue import WorkQueue
from openfunction_py.kube import errors
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock

Outcome = Literal["done", "again_later", "outdated", "failed", "terminal"]

OUTDATED = (errors.Conflict, errors.AlreadyExists, errors.NotFound, errors.Unreachable)

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
        except Exception as error:  # noqa: BLE001 - the worker outlives whatever it runs
            return self._failed(request, error, about)
        self.queue.forget(request)
        about.debug("reconciled", seconds=round(self._clock.monotonic() - started, 4))
        if result.requeue_after is None:
            return "done"
        self.queue.add_after(request, result.requeue_after)
        return "again_later"

    def _failed(self, request: Request, error: Exception, about: log.Logger) -> Outcome:
        causes = list(_causes(error))
        if any(isinstance(cause, TerminalError) for cause in causes):
            self.queue.forget(request)
            about.error("cannot be reconciled until it changes", error=str(causes[0]))
            return "terminal"
        delay = round(self.queue.add_rate_limited(request), 3)
        if all(isinstance(cause, OUTDATED) for cause in causes):
            # the cache lags or the server is away: nothing is wrong with the object
            about.info("reconciled from an old state; trying again", error=str(causes[0]), seconds=delay)
            return "outdated"
        about.exception("reconciling failed; trying again", error=str(causes[0]), seconds=delay)
        return "failed"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, at any depth; an error that is no group is its own cause."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _causes(inner)
