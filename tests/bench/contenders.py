"""The servers that are compared: ours, the published framework, uvicorn, and a C program as the limit.

Each is started on the same function; `up` keeps them all running at once, pinned to one processor.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openfunction_py.lib import home as homes
from tests.bench import environments, google, memory
from tests.e2e import platform

SERVER_CPU, CLIENT_CPU = "1", "0"
UVICORN = "0.54.0"
FUNCTIONS = """\
import functions_framework

ANSWER = {"message": "Hello, World!"}


def hello(request):
    return ANSWER


async def hello_async(request):
    return ANSWER


@functions_framework.http(inline=True)
def hello_inline(request):
    return ANSWER


@functions_framework.cloud_event
def on_event(event):
    event.data["total"]
"""
PUBLISHED = """\
import functions_framework
import functions_framework.aio

ANSWER = {"message": "Hello, World!"}


def hello(request):
    return ANSWER


@functions_framework.aio.http
async def hello_async(request):
    return ANSWER


@functions_framework.cloud_event
def on_event(event):
    event.data["total"]
"""
RAW = """\
import orjson


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    body = orjson.dumps({"message": "Hello, World!"})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
_EVENT = '{"order": 7, "total": 99.5, "currency": "EUR", "items": ["one", "two", "three"], "paid": true}'
_BINARY = """\
wrk.method = "POST"
wrk.body = '%s'
wrk.headers["content-type"] = "application/json"
wrk.headers["ce-id"] = "a-1"
wrk.headers["ce-source"] = "/orders"
wrk.headers["ce-specversion"] = "1.0"
wrk.headers["ce-type"] = "order.paid"
wrk.headers["ce-subject"] = "seven"
wrk.headers["ce-time"] = "2026-01-02T03:04:05Z"
"""
_STRUCTURED = """\
wrk.method = "POST"
wrk.body = '{"id": "a-1", "source": "/orders", "specversion": "1.0", "type": "order.paid", "subject": "seven", ' ..
  '"time": "2026-01-02T03:04:05Z", "datacontenttype": "application/json", "data": %s}'
wrk.headers["content-type"] = "application/cloudevents+json"
"""
SCRIPTS = {"binary": _BINARY % _EVENT, "structured": _STRUCTURED % _EVENT}


@dataclass(frozen=True, slots=True)
class Contender:
    """One server: how it is started on a port (`{port}`), and in which folder its function lies."""

    key: str
    command: tuple[str, ...]
    folder: Path

    @property
    def shown(self) -> str:
        """The command line without this machine's paths."""
        return " ".join(Path(word).name if word.startswith("/") else word for word in self.command)


@dataclass(frozen=True, slots=True)
class Running:
    """A started server."""

    contender: Contender
    port: int
    pid: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/"


def known(folder: Path) -> dict[str, Contender]:
    """Every contender, with its function written below this folder."""
    ours = _write(folder / "ours", FUNCTIONS)
    theirs = _write(folder / "google", PUBLISHED)
    raw = _write(folder / "uvicorn", RAW)
    python = google.environment()
    published = (str(python.with_name("functions-framework")), "--host", "127.0.0.1", "--port", "{port}")
    own = (
        str(Path(sys.executable).with_name("functions-framework")),
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
    )
    found = [
        Contender("async", (*own, "--target", "hello_async"), ours),
        Contender("threads", (*own, "--target", "hello"), ours),
        Contender("inline", (*own, "--target", "hello_inline"), ours),
        Contender("event", (*own, "--target", "on_event"), ours),
        Contender("google", (*published, "--target", "hello"), theirs),
        Contender("google-asgi", (*published, "--target", "hello_async", "--asgi"), theirs),
        Contender("google-event", (*published, "--target", "on_event", "--signature-type", "cloudevent"), theirs),
        Contender("uvicorn", (str(_uvicorn()), "main:app", "--port", "{port}", "--no-access-log"), raw),
        Contender("limit", (str(limit()), "{port}"), folder),
    ]  # fmt: skip
    return {one.key: one for one in found}


@contextlib.contextmanager
def up(contenders: Sequence[Contender], *, cpu: str | None = SERVER_CPU) -> Iterator[dict[str, Running]]:
    """All of them running, each having answered once; ended afterwards."""
    processes: list[subprocess.Popen[bytes]] = []
    running = {}
    try:
        for one in contenders:
            port = free_port()
            words = [word.replace("{port}", str(port)) for word in one.command]
            process = subprocess.Popen(
                [*(("taskset", "-c", cpu) if cpu else ()), *words],
                env=environments.clean(), cwd=one.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            processes.append(process)
            running[one.key] = Running(one, port, process.pid)
        for started in running.values():
            platform.until(
                partial(_listens, started.port), seconds=30, what=started.contender.key, every=0.05
            )
        yield running
    finally:
        for process in processes:
            google.end(process)


def free_port() -> int:
    """A port below those that clients are given, so that no connection of a client takes it."""
    for _ in range(1000):
        port = 20_000 + int.from_bytes(os.urandom(2), "big") % 12_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port between 20000 and 32000 is free")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _write(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "main.py").write_text(text)
    return folder


def _uvicorn() -> Path:
    """The command `uvicorn` in an environment of its own, with uvloop and httptools."""
    packages = (f"uvicorn=={UVICORN}", "uvloop", "httptools", "orjson")
    return environments.made(f"uvicorn-{UVICORN}", *packages) / "uvicorn"


def limit() -> Path:
    """The C server, compiled once."""
    source = Path(__file__).with_name("limit.c")
    program = homes.cache_dir(os.environ) / "bench" / "limit"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


def rested() -> None:
    """A breath between two slices, so that one server's last work is not the next one's."""
    memory.pause(0.05)
