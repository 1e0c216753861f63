"""A user's function made ready to serve: what to call, with what, and what its result means.

A value; signatures/ makes it, dispatch.py runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions_framework.record import dataclass
from functions_framework.registry import Signature
from functions_framework.request import Request
from functions_framework.response import Reply

Prepare = Callable[[Request], Any]  # Any: what this function takes
Render = Callable[[Any], Reply]  # Any: what this function returns


@dataclass(frozen=True, slots=True)
class Function:
    """What a request runs: `render(call(prepare(request)))`.

    Attributes:
        name: what the function is called in logs, metrics and FUNCTION_TARGET.
        call: takes what `prepare` gives; gives a coroutine exactly when `is_async`.
        signature: what it accepts.
        is_async: it runs on the loop, else in a thread.
        inline: a `def` that never blocks and runs on the loop.
        makes_generator: calling it runs none of the user's code and never blocks, so it is called on the loop; the
            generator it makes runs where `inline` says.
        concurrency: calls at the same time; 0 for as many as come.
        prepare: the argument of a request, made on the loop; raises HttpError. None: the request itself.
        render: the answer of a result, made on the loop; TypeError and ValueError are the function's fault.
            None: `response.answer`.
        path: the template of the paths it answers; empty for every path.
        methods: the methods it answers; empty for every method.
        written: the callable as the user wrote it, whose annotations describe it.
        replaced: told, on the loop, that the framework answered this request with this status in the
            function's place, and whether that is the framework's own fault: 504 too late, 503 not begun or
            cut short, 499 its client went, else an error's. None: nobody asks.
        converse: runs for a request that asks for a WebSocket and is given it, in an application that answers both;
            None: such a request is answered as any other.
    """

    name: str
    call: Callable[[Any], Any]
    signature: Signature
    is_async: bool
    inline: bool = False
    makes_generator: bool = False
    concurrency: int = 0
    prepare: Prepare | None = None
    render: Render | None = None
    path: str = ""
    methods: frozenset[str] = frozenset()
    written: Callable[..., Any] | None = None
    replaced: Callable[[Request, int, bool], None] | None = None
    trigger: str = ""
    converse: Callable[[Any], Any] | None = None  # Any: a sockets.WebSocket
