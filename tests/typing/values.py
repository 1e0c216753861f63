"""What functions receive and return: requests, events, answers, contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from functions_framework import BadRequest, CloudEvent, Context, HttpError, InvalidInput, Request, Response
from functions_framework.dapr.events import BindingRequest, TopicEvent
from functions_framework.dapr.messages import BindingReply
from functions_framework.dapr.state import Item
from functions_framework.dapr.surface import Dapr, StateStore


def of_request(request: Request) -> None:
    """A request."""
    assert_type(request.method, str)
    assert_type(request.path, str)
    assert_type(request.body, bytes)
    assert_type(request.text, str)
    assert_type(request.headers["x"], str)
    assert_type(request.headers.get("x"), str | None)
    assert_type(request.args.get("n", 1, int), int)
    assert_type(request.args.get("n", type=int), int | None)
    assert_type(request.args.get("n", "none"), str)
    assert_type(request.args.getlist("n"), list[Any])
    assert_type(request.path_params, Mapping[str, str])
    assert_type(request.get_json(), Any)
    assert_type(request.content_type, str | None)
    assert_type(request.files["f"].read(), bytes)
    assert_type(request.cookies.get("c"), str | None)


def of_event(event: CloudEvent) -> None:
    """An event."""
    assert_type(event["type"], Any)
    assert_type(event.get("subject"), Any)
    assert_type(event.data, Any)
    assert_type(event.to_structured(), bytes)
    assert_type(event.get_attributes(), dict[str, Any])


def of_answers() -> None:
    """Answers and errors."""
    made = Response({"a": 1}, 201, {"x": "y"}, content_type="application/json")
    assert_type(made.status, int)
    assert_type(made.headers, dict[str, Any])
    assert_type(HttpError(418, "x").status, int)
    assert_type(BadRequest("x").message, str)
    assert_type(InvalidInput([("body", "is missing")]).paths, tuple[tuple[str, str], ...])


def of_context(context: Context) -> None:
    """A context."""
    assert_type(context.data, bytes)
    assert_type(context.event, CloudEvent | None)
    assert_type(context.get_binding_request(), BindingRequest | None)
    assert_type(context.get_topic_event(), TopicEvent | None)
    assert_type(context.get_http_request(), Request | None)
    assert_type(context.send("out", {"a": 1}), BindingReply | None)
    assert_type(context.dapr, Dapr)
    assert_type(context.state, StateStore)
    assert_type(context.state.get("k"), Item)
    assert_type(context.state.save("k", 1, etag="1", ttl=5), None)
    assert_type(context.dapr.secret("vault", "key"), dict[str, str])
    assert_type(context.dapr.lock("l", "r", "me", seconds=5), bool)


async def of_async_context(context: Context) -> None:
    """A context on a loop."""
    assert_type(await context.asend("out", b"x"), BindingReply | None)
    assert_type(await context.state.aget("k"), Item)
    assert_type(await context.dapr.apublish("bus", "topic", 1), None)
