"""Delivering to the app: while it is away what there is waits; a delivery that fails is tried again as its policy says.

What is held here is not settled, so the broker keeps it, and sends no more than may be under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from openfunction_eventing import log
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import policies
from openfunction_eventing.sidecar.channel import AppAway, AppBusy, AppRefused
from openfunction_eventing.sidecar.policies import Policy

_log = log.get("sidecar")
_FIRST, _LONGEST = 0.02, 1.0
_BUSY = Policy(retries=65, first=_FIRST, growth=2.0, longest=_LONGEST)  # a minute for an app that has no room
T = TypeVar("T")


class Ending(EventingError):  # noqa: N818 - what it is, not that it is an error
    """The sidecar ends; what was to be delivered is the broker's again."""


class Presence(Protocol):
    """Somebody who may be there or not."""

    async def is_up(self) -> bool:
        """Whether it is."""


class Deliverer:
    """One per app."""

    def __init__(self, app: Presence, policies: Mapping[str, Policy], *, most: int = 0) -> None:
        """`most` deliveries are under way at once; 0 for as many as there are."""
        self._app = app
        self._policies = policies
        self._room = asyncio.Semaphore(most) if most > 0 else None
        self._waiting: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def policy(self, component: str) -> Policy:
        """How often what a component brings is tried."""
        return self._policies.get(component, policies.NONE)

    async def while_up(self, component: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do it once the app is there, again while it goes away or has no room, and as the policy says when it refuses.

        Raises:
            AppRefused: the last refusal.
            Ending: the sidecar ends while the app is away, or before the next attempt.
        """
        policy = self.policy(component)
        pauses: Iterator[float] | None = None
        waits: Iterator[float] | None = None
        while True:
            try:
                if self._room is None and not policy.timeout:  # nearly always; it saves coroutines
                    return await attempt()
                return await self._once(policy.timeout, attempt)
            except AppAway:
                await self.until_up()
            except AppBusy as error:
                waits = waits or _BUSY.pauses()
                wait = next(waits, None)
                if wait is None:
                    raise AppRefused(f"{error} (asked for a minute)") from error
                await self._rest(wait)
            except AppRefused:
                pauses = pauses or policy.pauses()
                pause = next(pauses, None)
                if pause is None:
                    raise
                await self._rest(pause)

    async def _once(self, timeout: float, attempt: Callable[[], Awaitable[T]]) -> T:
        if not timeout:
            return await self._in_turn(attempt)
        try:
            async with asyncio.timeout(timeout):
                return await self._in_turn(attempt)
        except TimeoutError as error:
            raise AppRefused(f"the app did not answer within {timeout:g} s") from error

    async def _in_turn(self, attempt: Callable[[], Awaitable[T]]) -> T:
        if self._room is None:
            return await attempt()
        async with self._room:
            return await attempt()

    async def until_up(self) -> None:
        """Wait for the app, all who wait by one look at it; raises Ending."""
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.get_running_loop().create_task(self._look())
        await asyncio.shield(self._waiting)
        self._go_on()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            pass  # the pause is over
        self._go_on()

    def _go_on(self) -> None:
        if self._ending.is_set():
            raise Ending("the sidecar ends; the broker has the event")

    async def _look(self) -> None:
        """Until the app is there, or the sidecar ends."""
        wait, told = _FIRST, False
        while not await self._app.is_up():
            if not told and wait >= _LONGEST:
                _log.warning("the app is not there; what is for it waits")
                told = True
            try:
                await self._rest(wait)
            except Ending:
                return  # each of those who wait is told so
            wait = min(wait * 2, _LONGEST)

    def end(self) -> None:
        """Wait for nothing any more: what the app has is waited for, and no other attempt is made."""
        self._ending.set()

    async def close(self) -> None:
        """Look no more."""
        self.end()
        if self._waiting is not None:
            await asyncio.wait([self._waiting])
