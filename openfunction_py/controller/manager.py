"""What runs controllers together: one shared informer for each kind, controllers, background runners.

Composes and decides nothing; it lives until cancelled.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.controller.backoff import Backoff
from openfunction_py.controller.cache import Cache, Lister
from openfunction_py.controller.controller import Controller
from openfunction_py.controller.events import Recorder
from openfunction_py.controller.reflector import Reflector
from openfunction_py.controller.types import Reconciler, ToRequests
from openfunction_py.controller.watches import Watch, by, by_label, by_owner, by_self
from openfunction_py.kube import client as clients
from openfunction_py.lib import clock as clocks
from openfunction_py.lib import log

__all__ = ["Manager", "Watch", "by", "by_label", "by_owner", "by_self"]

T = TypeVar("T", bound=Object)
RESTART = Backoff(base=0.1, cap=30.0, jitter=0.5)

logger = log.get("controller.manager")


@dataclass(frozen=True, slots=True)
class _Informer:
    cache: Cache[Any]  # one map holds the caches of all kinds; lister() gives each its type back
    reflector: Reflector[Any]


class Manager:
    """Informers, controllers and runners over one client."""

    def __init__(
        self,
        client: clients.Client,
        *,
        clock: clocks.Clock | None = None,
        make_cache: Callable[[], Cache[Any]] = Cache,
    ) -> None:
        """Hold nothing yet; everything may be added before `run` or while it runs."""
        self.client = client
        self.clock: clocks.Clock = clock or clocks.SystemClock()
        self.recorder = Recorder(client, time=self.clock)
        self.controllers: list[Controller] = []
        self._make_cache = make_cache
        self._informers: dict[type[Object], _Informer] = {}
        self._waiting: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._group: asyncio.TaskGroup | None = None
        self._on_current: list[Callable[[], None]] = []

    @property
    def current(self) -> bool:
        """True while every cache is known to lack nothing; False from a broken connection to its repair."""
        return all(informer.reflector.current for informer in self._informers.values())

    def on_current(self, listener: Callable[[], None]) -> None:
        """Call whenever `current` may have changed."""
        self._on_current.append(listener)

    def _tell_current(self) -> None:
        for listener in self._on_current:
            listener()

    def lister(self, model: type[T]) -> Lister[T]:
        """The cache of a kind; one informer feeds all who ask."""
        return self._cache(model)

    def add(
        self, name: str, reconciler: Reconciler, *, watches: Sequence[Watch], workers: int = 2
    ) -> Controller:
        """A controller that reconciles what its watches ask for, once every cache has been filled."""
        controller = Controller(name, reconciler, workers=workers, clock=self.clock)
        for watch in watches:
            self._cache(watch.model).listen(_to_queue(controller, watch.to_requests))
        self.controllers.append(controller)

        async def run() -> None:
            await self.synced()
            logger.debug("the controller starts", controller=name)
            await controller.run()

        self._start(name, run)
        return controller

    def add_runner(self, name: str, runner: Callable[[], Awaitable[None]]) -> None:
        """A task that lives beside the controllers; one that fails is started again with back-off."""
        self._start(name, lambda: self._keep(name, runner))

    async def run(self) -> None:
        """Run everything until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            started, self._waiting = self._waiting, []
            for name, part in started:
                self._start(name, part)
            # the group would end with the last of its tasks, so the manager itself waits in it
            await asyncio.Event().wait()

    async def synced(self) -> None:
        """Return once the cache of every kind asked for so far has been filled."""
        for informer in list(self._informers.values()):
            await informer.cache.synced.wait()

    def _cache(self, model: type[T]) -> Cache[T]:
        if model not in self._informers:
            cache: Cache[T] = self._make_cache()
            informer = _Informer(cache, Reflector(self.client, model, cache))
            self._informers[model] = informer
            informer.reflector.on_current = self._tell_current
            self._start(f"reflector {model.__name__}", informer.reflector.run)
        return self._informers[model].cache

    def _start(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        if self._group is None:
            self._waiting.append((name, part))
        else:
            self._group.create_task(_awaited(part), name=name)

    async def _keep(self, name: str, runner: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await runner()
            except Exception as error:
                failures += 1
                delay = RESTART.delay(failures, random=random.random)
                logger.exception(
                    "a runner failed; it starts again", runner=name, error=str(error), seconds=delay
                )
                await asyncio.sleep(delay)
            else:
                return


async def _awaited(part: Callable[[], Awaitable[None]]) -> None:
    await part()


def _to_queue(controller: Controller, rule: ToRequests) -> Callable[[Object | None, Object | None], None]:
    def changed(old: Object | None, new: Object | None) -> None:
        for obj in (old, new):
            if obj is not None:
                for request in rule(obj):
                    controller.queue.add(request)

    return changed
