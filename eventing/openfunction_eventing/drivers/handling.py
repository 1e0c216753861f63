"""Deliveries at work: so many at once as allowed, those of one line one after the other, each settled by its answer.

It knows no broker: what settling means is the reader's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from openfunction_eventing.component import Component
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.envelope import Message

_log = logging.getLogger(__name__)


def limit(component: Component, options: port.SubscribeOptions) -> int:
    """How many messages may be in flight in one subscription of a component; Dapr's `concurrency` is obeyed."""
    if options.max_in_flight == 0:
        return 0
    if component.choice("concurrency", ("single", "parallel"), "parallel") == "single":
        return 1
    return port.MAX_IN_FLIGHT if options.max_in_flight is None else options.max_in_flight


class Parcel(Protocol):
    """One delivery as a broker made it."""

    attempt: int

    def opened(self) -> Message:
        """What the handler gets."""


P = TypeVar("P", bound=Parcel)


class Handling(Generic[P]):
    """What one subscription has in its hands.

    Args:
        deliver: the handler.
        settle: tells the broker what became of a parcel.
        most: how many are handled at once.
        line: the line in which a parcel stands; empty is none, it passes whom it likes.
        in_place: a retry of a parcel without a line waits here as well, where the broker has no way to give one again.
        delays: seconds before the second, third, ... delivery of whom nobody gave a time; empty is `port.retry_delay`.
    """

    def __init__(
        self,
        deliver: port.Deliver,
        settle: Callable[[P, port.Verdict], Awaitable[None]],
        *,
        most: int,
        line: Callable[[P], str],
        in_place: bool = False,
        delays: tuple[float, ...] = (),
    ) -> None:
        self.most = most
        self.held: set[P] = set()
        self.stopping = asyncio.Event()
        self._deliver = deliver
        self._settle = settle
        self._line = line
        self._in_place = in_place
        self._delays = delays
        self._tasks = Tasks()
        self._ready: deque[P] = deque()
        # Workers without work; a new task for each parcel is dear.
        self._idle: list[asyncio.Future[P | None]] = []
        self._lines: dict[str, deque[P]] = {}

    @property
    def free(self) -> int:
        """How many more may come."""
        return self.most - len(self.held)

    async def take(self, parcel: P) -> None:
        """Handle a parcel now or when it is its turn; when it is over already, give it back."""
        if self.stopping.is_set():
            await self._settle(parcel, port.RETRY(0.0))
        else:
            self.begin(parcel)

    def begin(self, parcel: P) -> None:
        """The same while nothing is over."""
        self.held.add(parcel)
        line = self._line(parcel)
        if line:
            waiting = self._lines.setdefault(line, deque())
            waiting.append(parcel)
            if len(waiting) > 1:
                return  # the one before it goes first
        if self._idle:
            self._idle.pop().set_result(parcel)
        elif len(self._tasks) >= self.most:
            self._ready.append(parcel)
        else:
            self._tasks.start(self._work(parcel))

    async def stop(self) -> None:
        """Begin nothing more; returns when all that was begun is settled and the rest given back."""
        self.stopping.set()
        while self._idle:
            self._idle.pop().set_result(None)
        await self._tasks.wait()

    async def _work(self, parcel: P | None) -> None:
        while parcel is not None:
            await self._settle(parcel, await self._verdict(parcel))
            following, parcel = self._next(parcel), None  # who has no work keeps no message
            parcel = following or await self._given()

    async def _given(self) -> P | None:
        """The next parcel that comes; None when none is to come."""
        if self.stopping.is_set():
            return None
        waiting: asyncio.Future[P | None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiting)
        return await waiting

    def _next(self, done: P) -> P | None:
        self.held.discard(done)
        line = self._line(done)
        if line:
            waiting = self._lines[line]
            waiting.popleft()
            if waiting:
                self._ready.append(waiting[0])
            else:
                del self._lines[line]
        return self._ready.popleft() if self._ready else None

    async def _verdict(self, parcel: P) -> port.Verdict:
        """The final answer: one that the broker can act on."""
        while not self.stopping.is_set():
            try:
                verdict = await self._deliver(parcel.opened())
            except Exception as error:  # noqa: BLE001  # a handler's failure is an answer, and the reader outlives it
                _log.error("a handler failed; its message comes again", exc_info=error)
                verdict = port.RETRY
            if verdict.kind != "retry":
                return verdict
            delay = self.delay(parcel, verdict)
            if not self._in_place and not self._line(parcel):
                return port.RETRY(delay)
            # In order means that nothing of the same line may pass it: it waits here, not in the broker.
            await self._pause(delay)
            parcel.attempt += 1
        return port.RETRY(0.0)

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self.stopping.wait()
        except TimeoutError:
            return

    def delay(self, parcel: P, verdict: port.Verdict) -> float:
        """Seconds until a parcel comes again."""
        if verdict.delay is not None:
            return verdict.delay
        if self._delays:
            return self._delays[min(parcel.attempt, len(self._delays)) - 1]
        return port.retry_delay(parcel.attempt)
