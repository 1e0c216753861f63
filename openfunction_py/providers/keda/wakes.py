"""Word of work for what is at zero: one listener per trigger whose broker can tell, so that no poll is waited for.

It decides nothing; whoever is woken reads and decides.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from openfunction_py.autoscaling.scalers import ScalerError
from openfunction_py.controller.types import Request
from openfunction_py.lib import log
from openfunction_py.lib.pauses import Pauses
from openfunction_py.providers.keda.nats import NoWordError
from openfunction_py.providers.keda.parameters import Look

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0

logger = log.get("keda.wakes")


class Bell(Protocol):
    """A kind of broker that tells of the next message."""

    async def next_message(self, look: Look, on_listening: Callable[[], None]) -> bool:
        """Return with the first message of a trigger's reader; False when this broker cannot tell.

        `on_listening` is told when none can be missed any more. Raises NoWordError, ScalerError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to be woken by what."""

    request: Request
    look: Look


class Wakes:
    """Listeners by object; `woken` is told the request, and whether a message came or the listening just began."""

    def __init__(self, bells: Mapping[str, Bell], woken: Callable[[Request, bool], None]) -> None:
        """Listen through the bells of these trigger types."""
        self._bells = bells
        self._woken = woken
        self._wishes: dict[Request, tuple[Look, ...]] = {}
        self._tasks: dict[Request, list[asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None

    def want(self, request: Request, given: Iterable[Look | tuple[str, str]]) -> None:
        """Listen for those of an object's triggers whose brokers can tell, and for no others."""
        looks = tuple(one for one in given if isinstance(one, Look) and one.type in self._bells)
        if self._wishes.get(request, ()) == looks:
            return
        for task in self._tasks.pop(request, []):
            task.cancel()
        self._wishes.pop(request, None)
        if looks:
            self._wishes[request] = looks
            self._start(request, looks)

    def _start(self, request: Request, looks: tuple[Look, ...]) -> None:
        if self._group is not None:
            self._tasks[request] = [
                self._group.create_task(self._listen(Wish(request, one))) for one in looks
            ]

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._tasks.clear()
            for request, looks in list(self._wishes.items()):
                self._start(request, looks)
            await asyncio.Event().wait()

    async def _listen(self, wish: Wish) -> None:
        """Again and again: a broker that is away is asked less and less often."""
        pauses = Pauses(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            try:
                if await self._once(wish):
                    pauses.reset()
            except (NoWordError, ScalerError) as error:
                logger.debug("a broker does not tell", trigger=wish.look.name, error=str(error))
            await pauses.wait()

    async def _once(self, wish: Wish) -> bool:
        """One message awaited and told; false when this broker cannot tell."""
        # what came before the listening began is seen by a look
        began = functools.partial(self._woken, wish.request, False)  # noqa: FBT003 - a callback's second value
        if not await self._bells[wish.look.type].next_message(wish.look, began):
            return False
        self._woken(wish.request, True)  # noqa: FBT003 - a callback's second value
        return True
