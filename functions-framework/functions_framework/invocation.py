"""One call of a function, as hooks, plugins, traces and logs see it: what came, what it gave, whose trace it is.

It runs nothing and knows no server; around.py makes one per request, and only where somebody looks at it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions_framework.request import Request

if TYPE_CHECKING:
    from functions_framework.cloudevent import CloudEvent

_SAFE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a distributed trace (W3C Trace Context): 32 and 16 hexadecimal digits."""

    trace_id: str
    span_id: str
    sampled: bool = True
    state: str = ""

    @property
    def parent(self) -> str:
        """The `traceparent` that makes what follows a child of this place."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Invocation:
    """One call of a function.

    Attributes:
        function: the function's name.
        trigger: what called it: http, cloudevent, topic or binding.
        request: the HTTP request that carried the call.
        argument: what the function is called with, once it has been read.
        state: free for hooks and plugins; empty at the start of each call.
        plugins: the call's own plugin objects by name.
        result: what the function, or a hook in its place, returned.
        by_hook: the result is a hook's.
        error: what the function or a hook raised; None while all is well.
        trace: this call's place in its trace; the caller's where no tracing is on; None without either.
        sender: a tracer's span around something that is sent; None where no tracing is on.
        wraps: what goes to queues is wrapped as an inner event, because a trace must travel in its data.
    """

    __slots__ = (
        "_id",
        "_trace",
        "argument",
        "by_hook",
        "ended",
        "error",
        "function",
        "marks",
        "plugins",
        "request",
        "result",
        "sender",
        "started",
        "state",
        "trigger",
        "wraps",
    )

    def __init__(self, function: str, *, trigger: str, request: Request, started: float) -> None:
        self.function: str = function
        self.trigger: str = trigger
        self.request: Request = request
        self.started: float = started  # monotonic seconds
        self.ended: bool = False
        self.argument: Any = request
        self.state: dict[Any, Any] = {}  # Any: hooks keep what they like
        self.plugins: dict[str, Any] = {}  # Any: the user's classes
        self.marks: dict[str, Any] = {}  # Any: what an observer keeps between begin and end
        self.result: Any = None
        self.by_hook: bool = False
        self.error: BaseException | None = None
        self.sender: Sender | None = None
        self.wraps: bool = False
        self._id = ""
        self._trace: Trace | None = None

    def __repr__(self) -> str:
        return f"<Invocation {self.id} of {self.function}>"

    @property
    def id(self) -> str:
        """The caller's X-Request-Id where it sent a plain one, else 32 random hexadecimal digits."""
        if not self._id:
            given = self.request.headers.get("x-request-id", "")
            self._id = given if _SAFE_ID.fullmatch(given) else os.urandom(16).hex()
        return self._id

    @property
    def event(self) -> CloudEvent | None:
        """The event that the function was called with, or that its context holds."""
        argument = self.argument
        if hasattr(argument, "get_attributes"):
            return argument  # type: ignore[no-any-return]  # what has a CloudEvent's method is one
        return getattr(argument, "event", None)

    @property
    def context(self) -> Any:  # Any: the context module is loaded only where a function has one
        """The function's `UserContext`, for functions of signature openfunction; else None."""
        return self.argument if hasattr(self.argument, "send") else None

    @property
    def trace(self) -> Trace | None:
        """This call's place in its trace."""
        if self._trace is None:
            header = self.carried("traceparent")
            self._trace = parse(header, self.carried("tracestate") or "") if header else None
        return self._trace

    @trace.setter
    def trace(self, value: Trace) -> None:
        self._trace = value

    def carried(self, name: str) -> str | None:
        """What the caller sent along by this name: a header, an inner event's metadata, an event's extension."""
        value = self.request.headers.get(name)
        if value is None:
            value = (getattr(self.argument, "inner_metadata", None) or {}).get(name)
        if value is None and (event := self.event) is not None:
            value = event.get(name)
        return None if value is None else str(value)

    @contextmanager
    def sending(self, operation: str, *, peer: str) -> Iterator[Mapping[str, str]]:
        """Around something that is sent, such as a message or a request of the function's own.

        Args:
            operation: what is done, such as `GET /items` or a topic's name.
            peer: whom it goes to, such as `host:port` or a component's name.

        Yields:
            The headers (or metadata) that carry the trace; none without a trace.
        """
        if self.sender is not None:
            with self.sender(self, operation, peer) as headers:
                yield headers
            return
        trace = self.trace
        yield {} if trace is None else carrying(trace)


Sender = Callable[[Invocation, str, str], AbstractContextManager[Mapping[str, str]]]
_current: ContextVar[Invocation | None] = ContextVar("functions_framework_invocation", default=None)
enter: Callable[[Invocation | None], Token[Invocation | None]] = _current.set
leave: Callable[[Token[Invocation | None]], None] = _current.reset


def current() -> Invocation | None:
    """The call that this code runs in; None outside, and where neither hooks, tracing nor JSON logs are on."""
    return _current.get()


def parse(traceparent: str, state: str = "") -> Trace | None:
    """A `traceparent` value; None for one that W3C Trace Context calls invalid."""
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1), state)


def carrying(trace: Trace) -> dict[str, str]:
    """The headers of a trace."""
    state = {"tracestate": trace.state} if trace.state else {}
    return {"traceparent": trace.parent, **state}
