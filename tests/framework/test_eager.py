"""Starting coroutines: what needs no Task gets none, and nobody can tell the difference."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from functions_framework import errors
from functions_framework.calls import eager
from functions_framework.serving import instance

Result = tuple[asyncio.Task[Any] | None, Any]
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("tested", default="unset")


async def outside(act: Callable[[eager.Starter], Any], *, loop_kind: str = "uvloop") -> Any:
    """Run this as a callback of the loop, outside any Task, as a connection's data comes."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def call() -> None:
        try:
            done.set_result(act(eager.Starter(loop)))
        except Exception as error:  # noqa: BLE001  # the test's own
            done.set_exception(error)

    loop.call_soon(call)
    return await done


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on each kind of loop."""

    def on_loop(main: Coroutine[Any, Any, Any]) -> Any:
        loop = asyncio.new_event_loop() if request.param == "asyncio" else instance.new_loop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main)

    return on_loop


Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def quick() -> asyncio.Task[Any] | None:
    return asyncio.current_task()


def test_one_that_never_suspends_needs_no_task_of_its_own(run: Run) -> None:
    def act(starter: eager.Starter) -> list[Result]:
        return [starter.start(value()) for _ in range(3)]

    async def value() -> str:
        assert asyncio.current_task() is not None
        assert VARIABLE.get() == "unset"
        return "value"

    assert run(outside(act)) == [(None, "value")] * 3


async def raising() -> None:
    raise ValueError("mine")


async def exiting() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(("one", "kind"), [(raising, ValueError), (exiting, errors.FrameworkError)])
def test_what_it_raises_at_once_is_raised(
    run: Run, one: Callable[[], Coroutine[Any, Any, Any]], kind: type[Exception]
) -> None:
    def act(starter: eager.Starter) -> Result:
        with pytest.raises(kind):
            starter.start(one())
        gc.collect()
        return starter.start(raised_nothing())

    async def raised_nothing() -> str:
        return "next"

    assert run(outside(act))[1] == "next"


async def late(error: BaseException | None = None) -> str:
    before = asyncio.current_task()
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
    assert asyncio.current_task() is before
    if error is not None:
        raise error
    return "late"


@pytest.mark.parametrize("error", [None, KeyError("mine"), SystemExit(3)])
def test_one_that_suspends_is_a_task(run: Run, error: BaseException | None) -> None:
    async def main() -> None:
        task, _ = await outside(lambda starter: starter.start(late(error)))
        assert not task.done()
        assert task in asyncio.all_tasks()
        await asyncio.wait([task])
        if error is None:
            assert task.result() == "late"
        else:
            assert isinstance(task.exception(), KeyError | errors.FrameworkError)

    run(main())


def test_a_suspended_one_is_cancelled_at_its_await_and_may_go_on(run: Run) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
        return "went on"

    async def main() -> None:
        task, _ = await outside(lambda starter: starter.start(stubborn()))
        task.cancel()
        assert await task == "went on"
        other, _ = await outside(lambda starter: starter.start(late()))
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other

    run(main())


def test_each_has_its_own_context(run: Run) -> None:
    async def mark() -> str:
        before = VARIABLE.get()
        VARIABLE.set("set")
        return before

    async def mark_late() -> str:
        VARIABLE.set("set")
        await asyncio.sleep(0)
        return VARIABLE.get()

    async def main() -> None:
        def act(starter: eager.Starter) -> list[Any]:
            return [starter.start(each()) for each in (mark, mark_late, mark, mark)]

        results = [task.result() if task.done() else await task for task, _ in await outside(act)]
        assert results == ["unset", "set", "unset", "unset"]

    run(main())


KEPT: list[Any] = []


async def keeping() -> None:
    KEPT.append(asyncio.current_task())


async def calling_back() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(KEPT.append)


async def weakly() -> None:
    task = asyncio.current_task()
    assert task is not None
    KEPT.append(weakref.ref(task))


async def cancelling() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    KEPT.append(task)


def test_a_name_or_attribute_of_one_task_is_not_the_next_ones(run: Run) -> None:
    async def named() -> str:
        task = asyncio.current_task()
        assert task is not None
        before = task.get_name()
        task.set_name("mine")
        return before

    async def marked() -> bool:
        task = asyncio.current_task()
        before = hasattr(task, "mark")
        task.mark = True  # type: ignore[union-attr]  # some libraries do
        return before

    async def main() -> None:
        def act(starter: eager.Starter) -> list[Any]:
            return [starter.start(each()) for each in (named, named, marked, marked)]

        results = [result if task is None else task.result() for task, result in await outside(act)]
        assert "mine" not in results
        assert results[2:] == [False, False]

    run(main())


@pytest.mark.parametrize("one", [keeping, calling_back, weakly, cancelling])
def test_who_keeps_its_task_sees_it_end_and_shares_it_with_nobody(
    run: Run, one: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    async def main() -> None:
        def act(starter: eager.Starter) -> tuple[Result, Result]:
            return starter.start(one()), starter.start(quick())

        KEPT.clear()
        (first, _), (_, second) = await outside(act)
        assert first
        await asyncio.wait([first])
        await asyncio.sleep(0)
        assert first is (KEPT[0]() if isinstance(KEPT[0], weakref.ref) else KEPT[0])
        assert isinstance(first, asyncio.Task)
        assert first is not second
        assert first.cancelled() == (one is cancelling)

    run(main())


def test_where_all_suspend_they_are_tasks_from_the_start_until_one_finishes_at_once(run: Run) -> None:
    started: list[int] = []

    async def numbered(number: int) -> int:
        started.append(number)
        assert VARIABLE.get() == "unset"
        if number < 100:
            VARIABLE.set("of one")
            await asyncio.sleep(0)
        return number

    async def main() -> None:
        def act(starter: eager.Starter) -> tuple[eager.Starter, list[Result], int]:
            return starter, [starter.start(numbered(number)) for number in range(100)], len(started)

        starter, begun, at_once = await outside(act)
        assert 0 < at_once < 50
        tasks = [task for task, _ in begun if task is not None]
        assert [await task for task in tasks] == list(range(100))
        assert started == list(range(100)), "none passes those that came before it"
        later = await outside(lambda _: [starter.start(numbered(100 + number)) for number in range(40)])
        assert later == [(None, 100 + number) for number in range(40)]

    run(main())


def test_one_that_is_cancelled_before_its_task_began_is_not_begun(run: Run) -> None:
    async def main() -> None:
        def act(starter: eager.Starter) -> list[Result]:
            begun = [starter.start(late()) for _ in range(60)]
            for task, _ in begun:
                assert task is not None
                task.cancel()
            return begun

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for task, _ in await outside(act):
                await asyncio.wait([task])
                assert task.cancelled()
            gc.collect()

    run(main())


def test_an_exit_after_many_that_suspended_does_not_end_the_loop(run: Run) -> None:
    async def main() -> None:
        def act(starter: eager.Starter) -> Result:
            for _ in range(50):
                starter.start(late())
            return starter.start(exiting())

        task, _ = await outside(act)
        assert task is not None
        with pytest.raises(errors.FrameworkError, match="the function called"):
            await task

    run(main())


def test_within_a_task_it_starts_a_task(run: Run) -> None:
    async def main() -> None:
        starter = eager.Starter(asyncio.get_running_loop())
        task, _ = starter.start(late())
        assert task is not None
        assert not task.done()
        assert await task == "late"
        for _ in range(2):  # the first finds out what a clean spare looks like
            done, result = await outside(lambda _: starter.start(raised_nothing()))
        assert (done, result) == (None, "x")

    async def raised_nothing() -> str:
        return "x"

    run(main())


def test_a_spare_that_is_not_used_is_no_task_that_anybody_waits_for(run: Run) -> None:
    async def main() -> None:
        await outside(lambda starter: starter.start(quick()))
        assert len(asyncio.all_tasks()) == 1

    run(main())


def test_an_awaitable_that_yields_is_thrown_into_and_closed(run: Run) -> None:
    seen: list[str] = []

    async def closing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("closed")

    async def main() -> None:
        task, _ = await outside(lambda starter: starter.start(closing()))
        task.cancel()
        await asyncio.wait([task])

    run(main())
    assert seen == ["closed"]
