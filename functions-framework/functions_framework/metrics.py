"""Counts of a program's calls in Prometheus' text format: outcomes, durations, what is under way, the cold start.

It keeps numbers of this process alone and serves nothing; instrument.py puts `Metrics.answer` behind an endpoint.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from functions_framework import clock, response
from functions_framework.calls.outcomes import OUTCOMES, Outcome, of_replacing, of_status
from functions_framework.function import Function
from functions_framework.request import Request
from functions_framework.response import Reply

if TYPE_CHECKING:
    from functions_framework.hooks import Stage
    from functions_framework.invocation import Invocation

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CONTENT_TYPE = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"
PATHS = (b"/.well-known/openfunction/metrics", b"/metrics")
_PREFIX = "functions_framework"


class Series:
    """The numbers of one function."""

    __slots__ = ("begun", "buckets", "counts", "name", "seconds")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.begun: int = 0
        self.counts: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
        self.buckets: list[int] = [0] * (len(BUCKETS) + 1)
        self.seconds: float = 0.0

    def end(self, outcome: Outcome, seconds: float) -> None:
        """A call has ended."""
        self.counts[outcome] += 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    @property
    def ended(self) -> int:
        """Calls that have been answered."""
        return sum(self.counts.values())


class Metrics:
    """Implements around.Observer and around.Counter; `counted` is for functions that nothing else observes."""

    def __init__(self, *, timed: bool) -> None:
        """Count outcomes; when `timed`, durations and what is under way too."""
        self._timed = timed
        self._series: dict[str, Series] = {}
        self._failed: dict[tuple[str, Stage], int] = {}
        self._lock = threading.Lock()  # a stream ends in a thread, a hook fails in one
        self._ready: float | None = None

    async def ready(self) -> None:  # a coroutine, so that it starts no thread of its own in every instance
        """The process is ready for its first request; what that means is worked out when somebody asks."""
        self._ready = clock.monotonic()

    def series(self, name: str) -> Series:
        """The numbers of a function, made when first asked for."""
        return self._series.setdefault(name, Series(name))

    def begin(self, call: Invocation) -> None:
        """Count a call as under way."""
        self.series(call.function).begun += 1

    def enter(self, call: Invocation) -> Callable[[], None]:  # noqa: ARG002  # as around.Observer
        """Set nothing."""
        return _nothing

    def end(self, call: Invocation, *, status: int, outcome: Outcome) -> None:  # noqa: ARG002  # as above
        """Count its outcome and how long it took, a stream to its last item."""
        with self._lock:
            self.series(call.function).end(outcome, clock.monotonic() - call.started)

    def hook_failed(self, hook: str, stage: Stage) -> None:
        """Count a hook that failed."""
        with self._lock:
            self._failed[hook, stage] = self._failed.get((hook, stage), 0) + 1

    def counted(self, function: Function) -> Function:
        """The function with nothing but counting, or timing, around it; a stream counts up to its head."""
        series = self.series(function.name)
        if not self._timed:
            render = _counting(function.render or response.answer, series)
            return replace(function, render=render, replaced=_replacing(series))
        counting = _Timed(function, series)
        return replace(
            function,
            prepare=counting.prepare,
            call=counting.on_loop if function.is_async else counting.call,
            render=counting.render,
            replaced=counting.replaced,
        )

    def answer(self, _: Request) -> response.Answer:
        """What a scraper gets."""
        return 200, CONTENT_TYPE, "".join(f"{line}\n" for line in self.exposition()).encode()

    def exposition(self) -> Iterator[str]:
        """The lines of the text format."""
        every = list(self._series.values())
        yield from _head("requests_total", "counter", "Calls that were answered, by how they ended.")
        for one in every:
            for outcome, count in one.counts.items():
                yield _sample("requests_total", count, function=one.name, outcome=outcome)
        timed = [one for one in every if one.begun]
        yield from _head("requests_in_progress", "gauge", "Calls under way.")
        for one in timed:
            yield _sample("requests_in_progress", one.begun - one.ended, function=one.name)
        yield from _head("request_duration_seconds", "histogram", "From the whole request to its answer.")
        for one in timed:
            yield from _histogram(one)
        yield from _head("hook_errors_total", "counter", "Hooks that failed.")
        for (hook, stage), count in list(self._failed.items()):
            yield _sample("hook_errors_total", count, hook=hook, stage=stage)
        age = clock.process_age()
        if age is not None and self._ready is not None:
            yield from _head("cold_start_seconds", "gauge", "From the start of the process to ready.")
            yield _sample("cold_start_seconds", age - (clock.monotonic() - self._ready))


async def _awaited(started: float, result: Any) -> tuple[float, Any]:
    """A `def` that returned a coroutine, as a wrapping decorator does."""
    return started, await result


class _Timed:
    """Counts and times on the loop's thread alone: prepare begins, render or `replaced` ends."""

    def __init__(self, function: Function, series: Series) -> None:
        self._series = series
        self._prepare = function.prepare
        self._call = function.call
        self._render = function.render or response.answer

    def prepare(self, received: Request) -> tuple[float, Any]:  # Any: the function's argument
        """Begin."""
        started = received.invocation = clock.monotonic()
        self._series.begun += 1
        return started, received if self._prepare is None else self._prepare(received)

    async def on_loop(self, begun: tuple[float, Any]) -> tuple[float, Any]:
        """Call; what it raises comes back through `replaced`."""
        return begun[0], await self._call(begun[1])

    def call(self, begun: tuple[float, Any]) -> Any:  # Any: the same, or a coroutine of it
        """As on_loop, in a thread or inline."""
        result = self._call(begun[1])
        return _awaited(begun[0], result) if hasattr(result, "__await__") else (begun[0], result)

    def render(self, ended: tuple[float, Any]) -> Reply:
        """End."""
        started, result = ended
        answer = self._render(result)
        status = answer[0] if type(answer) is tuple else answer.status  # type: ignore[union-attr]
        self._series.end("ok" if status < 400 else of_status(status), clock.monotonic() - started)
        return answer

    def replaced(self, received: Request, status: int, ours: bool) -> None:  # noqa: FBT001  # as Function.replaced
        """End a call that the framework answered, also for an error."""
        self._series.end(of_replacing(status, ours=ours), clock.monotonic() - received.invocation)


def _counting(render: Callable[[Any], Reply], series: Series) -> Callable[[Any], Reply]:
    """The cheapest form: one more call where the answer is made."""
    counts = series.counts

    def counted(result: Any) -> Reply:
        answer = render(result)
        status = answer[0] if type(answer) is tuple else answer.status  # type: ignore[union-attr]
        counts["ok" if status < 400 else of_status(status)] += 1
        return answer

    return counted


def _replacing(series: Series) -> Callable[[Request, int, bool], None]:
    def replaced(_: Request, status: int, ours: bool) -> None:  # noqa: FBT001  # as Function.replaced
        series.counts[of_replacing(status, ours=ours)] += 1

    return replaced


def _nothing() -> None:
    """Nothing was set, so nothing is undone."""


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_{name} {text}"
    yield f"# TYPE {_PREFIX}_{name} {kind}"


def _sample(name: str, value: float, **labels: str) -> str:
    shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{_PREFIX}_{name}{{{shown}}} {value}" if shown else f"{_PREFIX}_{name} {value:.6g}"


def _histogram(one: Series) -> Iterator[str]:
    reached = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), one.buckets, strict=True):
        reached += count
        yield _sample("request_duration_seconds_bucket", reached, function=one.name, le=bound)
    yield f'{_PREFIX}_request_duration_seconds_sum{{function="{_escaped(one.name)}"}} {one.seconds!r}'
    yield _sample("request_duration_seconds_count", reached, function=one.name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
