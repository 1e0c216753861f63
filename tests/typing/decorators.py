"""Decorators keep a function's type, whichever way they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, assert_type

import functions_framework
from functions_framework import CloudEvent, Context, Event, Invocation, Request, Response, WebSocket


@dataclass
class Order:
    number: int


@functions_framework.http
def plain(request: Request) -> str:
    return request.path


@functions_framework.http(path="/hello/{name}", methods=["GET"])
async def with_path(request: Request) -> Response:
    return Response(request.path_params["name"])


@functions_framework.http(inline=True)
def streams(request: Request) -> AsyncIterator[Event]:
    raise NotImplementedError


@functions_framework.cloud_event
def event(event: CloudEvent) -> None: ...


@functions_framework.cloud_event(path="/events")
async def event_with_path(event: CloudEvent) -> CloudEvent:
    return event


@functions_framework.typed
def typed(order: Order, dry: bool = False) -> Order:
    return order


@functions_framework.typed(Order)
def typed_by_argument(order: Order) -> int:
    return order.number


@functions_framework.typed(path="/orders/{number}")
async def typed_with_path(order: Order, number: int) -> Order:
    return order


@functions_framework.openfunction
def takes_context(context: Context) -> str:
    return context.data.decode()


@functions_framework.openfunction(inputs=["orders"])
async def takes_input(context: Context) -> None: ...


@functions_framework.before
def before(call: Invocation) -> None: ...


@functions_framework.after(functions="plain", order=2)
async def after(call: Invocation) -> str | None:
    return None


request = Request("GET", b"/", [], b"")
context = Context()
assert_type(plain(request), str)
assert_type(event(CloudEvent({"type": "t", "source": "s"})), None)
assert_type(typed(Order(1), dry=True), Order)
assert_type(typed_by_argument(Order(1)), int)
assert_type(takes_context(context), str)


async def awaited() -> None:
    """What coroutines give stays known too."""
    assert_type(await with_path(request), Response)
    assert_type(await event_with_path(CloudEvent({})), CloudEvent)
    assert_type(await typed_with_path(Order(1), 1), Order)
    assert_type(await takes_input(context), None)
    call: Any = None
    assert_type(await after(call), str | None)
    assert_type(before(call), None)


@functions_framework.websocket(path="/talk")
async def talks(socket: WebSocket) -> None:
    async for message in socket:
        assert_type(message, str | bytes)


@functions_framework.on_startup
def starts() -> int:
    return 1


@functions_framework.on_shutdown
async def stops() -> None: ...


@functions_framework.lifespan
def lives() -> Iterator[None]:
    yield


assert_type(starts(), int)
assert_type(lives(), Iterator[None])
