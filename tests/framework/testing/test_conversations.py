"""WebSocket functions in the kit."""

from __future__ import annotations

from typing import Any

import pytest

import functions_framework
from functions_framework import HttpError, WebSocket, WebSocketClosed, testing


@functions_framework.websocket
async def echo(socket: WebSocket) -> None:
    async for message in socket:
        if message == "bye":
            await socket.close(4000, "as you wish")
        else:
            await socket.send(message)


@pytest.mark.parametrize("message", ["text", b"\x00bytes", "", "x" * 300_000])
def test_what_is_said_is_heard(message: Any) -> None:
    with testing.client(echo) as client, client.websocket() as socket:
        socket.send(message)
        assert socket.receive() == message


def test_json_goes_both_ways() -> None:
    with testing.client(echo) as client, client.websocket() as socket:
        socket.send_json({"n": [1]})
        assert socket.receive_json() == {"n": [1]}


def test_the_functions_close_is_told() -> None:
    with testing.client(echo) as client, client.websocket() as socket:
        socket.send("bye")
        with pytest.raises(WebSocketClosed, match="as you wish") as caught:
            socket.receive()
        assert (caught.value.code, list(socket)) == (4000, [])


def test_subprotocol_headers_and_path_arrive() -> None:
    @functions_framework.websocket(path="/rooms/{room}")
    async def room(socket: WebSocket) -> None:
        await socket.accept("v2", [("x-room", socket.request.path_params["room"])])
        await socket.send(socket.request.headers["x-mine"] + socket.request.args["q"])

    with (
        testing.client(room) as client,
        client.websocket(
            "/rooms/blue", subprotocols=["v1", "v2"], headers={"x-mine": "a"}, query={"q": "b"}
        ) as socket,
    ):
        assert (socket.subprotocol, socket.headers["x-room"], socket.receive()) == ("v2", "blue", "ab")


def test_a_refusal_is_an_answer() -> None:
    async def refuses(socket: WebSocket) -> None:
        raise HttpError(402, "Pay first.")

    with testing.client(refuses) as client, pytest.raises(testing.RefusedError) as caught, client.websocket():
        pass
    assert caught.value.answer.status == 402
