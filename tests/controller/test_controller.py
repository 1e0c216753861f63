"""The controller: which of its five branches a result takes, on fake time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from openfunction_py.controller.controller import Controller, Outcome
from openfunction_py.controller.types import Request, Result, TerminalError
from openfunction_py.kube import errors
from openfunction_py.lib.clock import FakeClock
from tests.controller import fake_time

KEY = Request("ns", "a")
Step = Result | Exception


class Scripted:
    """A reconciler that plays a script, then is content; notes when it was called."""

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.times: list[float] = []
        self.busy = 0

    async def reconcile(self, request: Request) -> Result:
        self.times.append(round(asyncio.get_running_loop().time(), 4))
        step = self.script.pop(0) if self.script else Result()
        if isinstance(step, Exception):
            raise step
        return step


def play(reconciler: Scripted, seconds: float, *, workers: int = 1) -> Controller:
    async def scenario() -> Controller:
        controller = Controller("test", reconciler, workers=workers, clock=FakeClock())
        controller.enqueue(KEY)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(controller.run())
            await asyncio.sleep(seconds)
            task.cancel()
        return controller

    return fake_time.run(scenario())


@pytest.mark.parametrize(
    ("first", "outcome", "times"),
    [
        (Result(), "done", [0.0]),
        (Result(requeue_after=7.0), "again_later", [0.0, 7.0]),
        (errors.Conflict("changed"), "outdated", [0.0, 0.005]),
        (errors.Unreachable("down"), "outdated", [0.0, 0.005]),
        (errors.NotFound("gone meanwhile"), "outdated", [0.0, 0.005]),
        (ExceptionGroup("tasks", [errors.Conflict("changed")]), "outdated", [0.0, 0.005]),
        (ValueError("oops"), "failed", [0.0, 0.005]),
        (TerminalError("never"), "terminal", [0.0]),
    ],
)
def test_a_result_decides_when_the_key_comes_back(first: Step, outcome: Outcome, times: list[float]) -> None:
    reconciler = Scripted(first)
    controller = play(reconciler, 100.0)
    assert reconciler.times == times
    assert controller.outcomes[outcome] >= 1


def test_failures_back_off_and_a_success_starts_the_row_anew() -> None:
    wrong = ValueError("oops")
    reconciler = Scripted(wrong, wrong, wrong, Result(requeue_after=10.0), wrong)
    play(reconciler, 100.0)
    assert reconciler.times == [0.0, 0.005, 0.015, 0.035, 10.035, 10.04]


def test_a_wake_from_outside_comes_when_it_was_asked_for() -> None:
    reconciler = Scripted()

    async def scenario() -> None:
        controller = Controller("test", reconciler, workers=1, clock=FakeClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(controller.run())
            controller.enqueue(KEY, 3.0)
            await asyncio.sleep(5.0)
            task.cancel()

    fake_time.run(scenario())
    assert reconciler.times == [3.0]


class Overlapping:
    """Notes how many calls for one key and for all keys run at once."""

    wake: Callable[[Request], None]

    def __init__(self) -> None:
        self.running: dict[Request, int] = {}
        self.most_of_one = self.most = 0

    async def reconcile(self, request: Request) -> Result:
        self.running[request] = self.running.get(request, 0) + 1
        self.most_of_one = max(self.most_of_one, self.running[request])
        self.most = max(self.most, sum(self.running.values()))
        self.wake(request)
        await asyncio.sleep(1.0)
        self.running[request] -= 1
        return Result()


def test_workers_share_keys_but_never_one_key() -> None:
    async def scenario() -> Overlapping:
        reconciler = Overlapping()
        controller = Controller("test", reconciler, workers=3, clock=FakeClock())
        reconciler.wake = controller.enqueue
        for name in ("a", "b"):
            controller.enqueue(Request("ns", name))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(controller.run())
            await asyncio.sleep(10.0)
            task.cancel()
        return reconciler

    seen = fake_time.run(scenario())
    assert (seen.most_of_one, seen.most) == (1, 2)
