"""The testing kit."""

from __future__ import annotations

from typing import Any, assert_type

from functions_framework import CloudEvent, Request, testing
from functions_framework.dapr.signals import Verdict


def hello(request: Request) -> str:
    return "hello"


fake = testing.Dapr()
client = testing.client(hello, dapr=fake, timeout=1.5, context={"name": "f"})
assert_type(client, testing.Client)
assert_type(testing.load("main.py", target="hello", environ={"A": "b"}), testing.Client)
assert_type(client.get("/", query={"a": 1}, headers={"x": "y"}), testing.Answer)
assert_type(client.post(json={"a": 1}).json(), Any)
assert_type(client.post(data={"a": "b"}, files={"f": ("a.txt", b"x", "text/plain")}).status, int)
assert_type(client.event({"type": "t", "data": 1}, mode="structured").headers.get("x"), str | None)
assert_type(client.event([CloudEvent({"type": "t"})]).event(), CloudEvent)
assert_type(client.binding("tick", b"x", metadata={"a": "b"}).chunks, tuple[bytes, ...])
assert_type(client.topic("orders", {"n": 1}).verdict, Verdict)
assert_type(fake.sent[0], testing.Sent)
assert_type(fake.sent_to("done"), list[Any])
with client.stream("GET", "/") as answer:
    assert_type(answer, testing.Streamed)
    for piece in answer:
        assert_type(piece, bytes)


async def in_async_tests() -> None:
    """From tests that are coroutines."""
    assert_type(await client.arequest("GET", "/"), testing.Answer)


with client.websocket("/talk", subprotocols=["v1"]) as socket:
    assert_type(socket.receive(), str | bytes)
    assert_type(socket.receive_json(), Any)
    assert_type(socket.subprotocol, str | None)
