"""What the kit gives is what a served function gives: the same bytes of a request, over a socket and in memory."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from functions_framework import testing
from tests.framework.conftest import Program

SOURCE = """
import functions_framework
from dataclasses import dataclass
from functions_framework import CloudEvent, Event, HttpError, Request, Response

@dataclass
class Order:
    item: str
    count: int = 1

@functions_framework.http(path="/text")
def text(request): return request.args.get("x", "ä")

@functions_framework.http(path="/json", methods=["POST"])
async def json(request): return {"got": request.json}

@functions_framework.http(path="/nothing")
async def nothing(request): return None

@functions_framework.http(path="/made")
def made(request): return Response("made", 201, {"x-a": ["1", "2"]}, content_type="text/plain")

@functions_framework.http(path="/crash")
def crash(request): raise RuntimeError("secret")

@functions_framework.http(path="/teapot")
async def teapot(request): raise HttpError(418, "Short.")

@functions_framework.http(path="/lines")
async def lines(request):
    async def made():
        for n in range(3): yield {"n": n}
    return made()

@functions_framework.http(path="/events")
def events(request):
    yield Event("one", id=1)
    yield Event({"two": 2})

@functions_framework.http(path="/broken")
async def broken(request):
    async def made():
        yield b"one"
        raise RuntimeError("midway")
    return made()

@functions_framework.typed(path="/orders/{shop}")
def order(order: Order, shop: str) -> Order: return order

@functions_framework.cloud_event(path="/event")
def event(event: CloudEvent): return CloudEvent({"type": "t", "source": "/s", "id": "1"}, event.data)
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Client]:
    file = tmp_path_factory.mktemp("same") / "same.py"
    file.write_text(SOURCE)
    with testing.load(file, environ={"OFN_MAX_BODY_BYTES": "1000"}) as client:
        yield client


@pytest.fixture
def port(program: Callable[..., Program]) -> int:
    return program(SOURCE, "", OFN_MAX_BODY_BYTES="1000").port


def asked(method: str, target: str, body: bytes = b"", *fields: str) -> bytes:
    size = [f"content-length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", "host: same", "connection: close", *size, *fields]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


JSON = "content-type: application/json"
REQUESTS = [
    asked("GET", "/text?x=1"),
    asked("GET", "/text"),
    asked("HEAD", "/text"),
    asked("POST", "/json", b'{"a": [1]}', JSON),
    asked("POST", "/json", b"{", JSON),
    asked("POST", "/json", b"{}"),
    asked("GET", "/json"),
    asked("OPTIONS", "/json"),
    asked("GET", "/nothing"),
    asked("GET", "/made"),
    asked("GET", "/crash"),
    asked("GET", "/teapot"),
    asked("GET", "/lines"),
    asked("GET", "/events"),
    asked("GET", "/broken"),
    asked("POST", "/orders/rome", b'{"item": "pen"}', JSON),
    asked("POST", "/orders/rome", b'{"count": "two"}', JSON),
    asked(
        "POST", "/event", b'{"n": 1}', JSON, "ce-id: 1", "ce-type: t", "ce-source: /s", "ce-specversion: 1.0"
    ),
    asked("POST", "/event", b"{}", JSON),
    asked("POST", "/text", b"x" * 1001),
    asked("GET", "/none"),
    asked("GET", "/readyz"),
    asked("GET", "/.well-known/openfunction/openapi.json"),
    b"GET / HTTP/1.1\r\n\r\n",
    b"NONSENSE\r\n\r\n",
]


def over_a_socket(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def told(raw: bytes) -> tuple[str, list[str], bytes]:
    """Status line, header lines without the date, and the body as it came."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return status, [line for line in lines if not line.startswith("date: ")], body


def test_every_answer_is_the_same(kit: testing.Client, port: int) -> None:
    for request in REQUESTS:
        assert told(kit.wire(request)) == told(over_a_socket(port, request)), request
