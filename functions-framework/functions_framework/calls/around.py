"""Puts hooks, traces, counts and log fields around a function; a pure change of a Function into another.

Nothing here runs for a function that has none of them: the loader then leaves the function as it is.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from functions_framework import clock, errors, invocation, response
from functions_framework.calls import eager, outcomes
from functions_framework.calls.outcomes import Outcome
from functions_framework.function import Function
from functions_framework.hooks import Hook, HookError, Stage
from functions_framework.invocation import Invocation
from functions_framework.request import Request
from functions_framework.response import Reply, Stream

_TRIGGERS: Mapping[str, str] = {"cloudevent": "cloudevent", "event": "cloudevent"}
_log = logging.getLogger("functions_framework")


@dataclass(frozen=True, slots=True)
class _Step:
    """Something of the user's to run: the function itself, or a hook."""

    call: Callable[[Any], Any]  # Any: gives a result, or an awaitable of it
    argument: Any
    is_hook: bool = False


_Steps = Generator[_Step, Any, None]


class Observer(Protocol):
    """Is told of each call; must raise nothing and wait for nothing."""

    def begin(self, call: Invocation) -> None:
        """A request has come, on the loop's thread; its argument is not read yet."""

    def enter(self, call: Invocation) -> Callable[[], None]:
        """The hooks and the function run now, in this context; what is returned undoes what this set."""

    def end(self, call: Invocation, *, status: int, outcome: Outcome) -> None:
        """It has been answered with this status, on any thread, once."""


class Counter(Protocol):
    """Counts hooks that failed."""

    def hook_failed(self, hook: str, stage: Stage) -> None:
        """One did."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes around one function.

    Attributes:
        pre: run before it, in this order, until one answers or fails.
        post: run after it, in this order, whatever happened.
        plugins: makes each call's own plugin objects, by name.
        observers: told of each call; the first is told of its end last.
        counter: counts failed hooks.
    """

    pre: tuple[Hook, ...] = ()
    post: tuple[Hook, ...] = ()
    plugins: Mapping[str, Callable[[], Any]] | None = None  # Any: the user's classes
    observers: tuple[Observer, ...] = ()
    counter: Counter | None = None


def around(function: Function, plan: Plan) -> Function:
    """The function with what the plan puts around it; a `def` that runs inline stays on the loop."""
    wrapper = _Around(function, plan)
    on_loop = function.is_async or function.inline
    return replace(
        function,
        prepare=wrapper.prepare,
        call=wrapper.on_loop if on_loop else wrapper.in_thread,
        render=wrapper.render,
        replaced=wrapper.replaced,
        is_async=on_loop,
        makes_generator=False,  # hooks run in the call
    )


class _Around:
    """One function and its plan."""

    def __init__(self, function: Function, plan: Plan) -> None:
        self._function = function
        self._plan = plan
        self._trigger = function.trigger or _TRIGGERS.get(function.signature, "http")
        self._render = function.render or response.answer
        self._hooked = bool(plan.pre or plan.post or plan.plugins)
        self._loop: asyncio.AbstractEventLoop  # known with the first call

    def prepare(self, received: Request) -> Invocation:
        """Begin a call: tell the observers, then read the argument; raises what reading it raises."""
        call = Invocation(
            self._function.name, trigger=self._trigger, request=received, started=clock.monotonic()
        )
        received.invocation = call
        self._loop = asyncio.get_running_loop()
        for observer in self._plan.observers:
            observer.begin(call)
        if self._function.prepare is not None:
            try:
                call.argument = self._function.prepare(received)
            except Exception as error:
                call.error = error
                self._end(call, outcomes.status_of(error), outcomes.of_preparing(error))
                raise
        return call

    async def on_loop(self, call: Invocation) -> Invocation:
        """Run hooks and function as one coroutine."""
        if self._hooked or not self._function.is_async:
            await self._drive(call, self._steps(call))
            return call
        undo = self._enter(call)
        try:
            call.result = await self._function.call(call.argument)
        except Exception as error:  # noqa: BLE001  # render raises it
            call.error = error
        finally:
            undo()
        return call

    def in_thread(self, call: Invocation) -> Any:  # Any: the call, or a coroutine of it
        """Run hooks and function here; what must be awaited is awaited on the loop."""
        undo = self._enter(call)
        try:
            return self._drive_in_thread(call, self._steps(call))
        except eager.FATAL as error:
            call.error = eager.exited(error)
        finally:
            undo()
        return call

    def render(self, call: Invocation) -> Reply:
        """The answer of a finished call; raises what the call raised."""
        error = call.error
        if error is not None:
            self._end(call, outcomes.status_of(error), outcomes.of_error(error))
            raise error
        try:
            answer = self._answer(call)
        except Exception as problem:
            call.error = problem
            self._end(call, outcomes.status_of(problem), outcomes.of_error(problem))
            raise
        if isinstance(answer, Stream):
            return replace(answer, chunks=self._watched(call, answer))
        self._end(call, answer[0], outcomes.of_status(answer[0]))
        return answer

    def _answer(self, call: Invocation) -> Reply:
        """A function's result is its signature's to render; a hook's is what any function may return.

        An event function renders any result; an OpenFunction function's outcome may come from a hook as well.
        """
        signature = self._function.signature
        own = not call.by_hook or signature in {"cloudevent", "event"} or hasattr(call.result, "with_code")
        return self._render(call.result) if own else response.answer(call.result)

    def replaced(self, received: Request, status: int, ours: bool) -> None:  # noqa: FBT001  # as Function.replaced
        """The framework has answered in the function's place."""
        call = getattr(received, "invocation", None)
        if isinstance(call, Invocation):
            self._end(call, status, outcomes.of_replacing(status, ours=ours))

    def _enter(self, call: Invocation) -> Callable[[], None]:
        token = invocation.enter(call)
        undoes = [observer.enter(call) for observer in self._plan.observers]

        def undo() -> None:
            for step in reversed(undoes):
                step()
            invocation.leave(token)

        return undo

    def _end(self, call: Invocation, status: int, outcome: Outcome) -> None:
        if call.ended:
            return  # it was answered before, as a late one is
        call.ended = True
        for observer in reversed(self._plan.observers):
            observer.end(call, status=status, outcome=outcome)

    def _steps(self, call: Invocation) -> _Steps:
        """What to do one after the other; the driver sends back what each gave, or throws what it raised."""
        plan, function = self._plan, self._function
        try:
            if plan.plugins:
                call.plugins.update({name: make() for name, make in plan.plugins.items()})
            answer = None
            for hook in plan.pre:
                answer = yield from self._hook(hook, call)
                if answer is not None:
                    break
            call.by_hook = answer is not None
            call.result = (yield _Step(function.call, call.argument)) if answer is None else answer
        except Exception as error:  # noqa: BLE001  # the boundary of the user's code; render raises it
            call.error = error
        for hook in plan.post:
            try:
                answer = yield from self._hook(hook, call)
            except errors.HttpError as error:
                call.error = error
            else:
                if answer is not None:
                    call.result, call.error, call.by_hook = answer, None, True

    def _hook(self, hook: Hook, call: Invocation) -> Generator[_Step, Any, Any]:
        try:
            return (yield _Step(hook.call, call, is_hook=True))
        except errors.HttpError:
            raise
        except Exception as error:
            _log.exception(
                "The %s hook %s of the function %s raised", hook.stage, hook.name, call.function,
                extra={"origin": f"hook {hook.name}", "request": call.request},
            )  # fmt: skip
            if self._plan.counter is not None:
                self._plan.counter.hook_failed(hook.name, hook.stage)
            raise HookError(hook.name, hook.stage) from error

    async def _drive(self, call: Invocation, steps: _Steps, step: _Step | None = None) -> Invocation:
        """Run the steps, from this one where another driver has begun them."""
        undo = self._enter(call)
        try:
            step = step or next(steps)
            while True:
                try:
                    value = step.call(step.argument)
                    if inspect.isawaitable(value):
                        value = await value
                except Exception as error:  # noqa: BLE001  # the steps decide what it means
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration:
            return call
        except eager.FATAL as error:
            call.error = eager.exited(error)
            return call
        finally:
            undo()

    def _drive_in_thread(self, call: Invocation, steps: _Steps) -> Any:  # Any: the call, or a coroutine of it
        try:
            step = next(steps)
            while True:
                try:
                    value = step.call(step.argument)
                    if inspect.isawaitable(value):
                        if not step.is_hook:
                            # A `def` that returns a coroutine, as a wrapping decorator does.
                            return self._drive(call, steps, _Step(_same, value))
                        value = self._await(value)
                except Exception as error:  # noqa: BLE001  # the steps decide what it means
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration:
            return call

    def _await(self, value: Awaitable[Any]) -> Any:
        """An async hook of a `def` function runs on the loop; this thread waits for it."""
        return asyncio.run_coroutine_threadsafe(_awaited(value), self._loop).result()

    def _watched(self, call: Invocation, stream: Stream) -> AsyncIterator[Any] | Iterator[Any]:
        if isinstance(stream.chunks, AsyncIterable):
            return self._watched_async(call, stream.status, aiter(stream.chunks))
        return self._watched_sync(call, stream.status, stream.chunks)

    async def _watched_async(
        self, call: Invocation, status: int, chunks: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """The same items, each made in the call's own context; the call ends with the last."""
        outcome: Outcome = "client_error"  # it stops early only when its reader goes
        try:
            while True:
                undo = self._enter(call)
                try:
                    item = await anext(chunks)
                except StopAsyncIteration:
                    outcome = "ok"
                    return
                except Exception as error:
                    call.error, outcome = error, "user_error"
                    raise
                finally:
                    undo()
                yield item
        finally:
            self._end(call, status, outcome)
            if hasattr(chunks, "aclose"):
                await chunks.aclose()

    def _watched_sync(self, call: Invocation, status: int, chunks: Iterator[Any]) -> Iterator[Any]:
        """As _watched_async, for what runs in threads."""
        outcome: Outcome = "client_error"
        try:
            while True:
                undo = self._enter(call)
                try:
                    item = next(chunks)
                except StopIteration:
                    outcome = "ok"
                    return
                except Exception as error:
                    call.error, outcome = error, "user_error"
                    raise
                finally:
                    undo()
                yield item
        finally:
            self._end(call, status, outcome)
            if hasattr(chunks, "close"):
                chunks.close()


def _same(value: Any) -> Any:
    return value


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value
