"""Servers, nodes and processes for the framework's tests; each is gone when its test ends."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions_framework import control, registry, settings, signatures
from functions_framework.program import Program as Served
from functions_framework.serving import server
from tests.framework import http, sidecar


@dataclass
class Site:
    """A server in this process."""

    server: server.Server
    port: int

    async def client(self) -> http.Client:
        return await http.Client.open(self.port)

    async def ask(self, target: str, **how: Any) -> http.Reply:
        client = await self.client()
        try:
            return await client.ask(target, **how)
        finally:
            client.close()


def instance_settings(**values: Any) -> settings.InstanceSettings:
    """Settings by name, an instance's and its limits' alike."""
    of_limits = {field.name for field in dataclasses.fields(settings.Limits)}
    limits = settings.Limits(**{name: value for name, value in values.items() if name in of_limits})
    rest = {name: value for name, value in values.items() if name not in of_limits}
    return settings.InstanceSettings(limits=limits, **rest)


StartSite = Callable[..., AbstractAsyncContextManager[Site]]


@asynccontextmanager
async def _site(call: Callable[[Any], Any], **limits: Any) -> AsyncIterator[Site]:
    function = signatures.adapt("tested", call, registry.note_of(call) or registry.Note("http"))
    limits.setdefault("settle", 0.02)
    made = server.Server(Served((function,)), instance_settings(**limits), asyncio.get_running_loop())
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await made.start(listener)
    try:
        yield Site(made, port)
    finally:
        await made.close()


@pytest.fixture
def site() -> StartSite:
    """Start a server around a function in this loop."""
    return _site


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="ff-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Node:
    """The node's side of the instances' socket, in a thread: collects messages, sends orders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._connections: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(300)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        decoder = control.Decoder()
        try:
            while data := connection.recv(65536):
                for message in decoder.feed(data):
                    self.messages.put(message)
        except OSError:
            return

    def wait(self, kind: str, seconds: float = 20) -> dict[str, Any]:
        """The next message of this type; others are dropped."""
        while True:
            message = self.messages.get(timeout=seconds)
            if message["type"] == kind:
                return message

    def send(self, message: dict[str, Any]) -> None:
        for connection in self._connections:
            connection.sendall(control.encode(message))

    def close(self) -> None:
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the instance was first
            finally:
                connection.close()
        self._thread.join(5)
        self.path.unlink(missing_ok=True)


@pytest.fixture
def node(short_dir: Path) -> Iterator[Node]:
    """A node that listens for instances."""
    made = Node(short_dir / "i.sock")
    yield made
    made.close()


@dataclass
class Program:
    """A `python -m functions_framework` process."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


def environment(**values: str) -> dict[str, str]:
    """This environment without what would configure the framework."""
    known = {"PORT", "HOST", "DEBUG", "DRY_RUN"}
    prefixes = ("FUNC", "OFN_", "K_", "COV_")
    base = {
        name: value
        for name, value in os.environ.items()
        if name not in known and not name.startswith(prefixes)
    }
    return {**base, **values}


def run_cli(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "functions_framework", *arguments],
        capture_output=True, text=True, timeout=60, env=environment(**env), cwd=cwd, check=False,
    )  # fmt: skip


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line on the folder's main.py with these flags, whatever it says first."""
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str, passing: tuple[int, ...] = (), **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework", *flags], cwd=tmp_path, pass_fds=passing,
            stderr=subprocess.PIPE, text=True, env=environment(**env),
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start the command line on a source text and a free port."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, target: str = "function", **env: str) -> Program:
        file = tmp_path / "main.py"
        file.write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework", "--source", str(file), "--target", target,
             "--host", "127.0.0.1", "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**env),
        )  # fmt: skip
        started.append(process)
        assert process.stderr is not None
        greeting = process.stderr.readline()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", greeting)
        assert found, greeting
        lines: list[str] = []
        stderr = process.stderr
        threading.Thread(target=lambda: lines.extend(stderr), daemon=True).start()
        return Program(process, int(found.group(1)), lines)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def fake() -> Iterator[sidecar.FakeSidecar]:
    """A Dapr sidecar on a free port."""
    with sidecar.running() as running:
        yield running
