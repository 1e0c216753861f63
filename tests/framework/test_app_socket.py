"""The socket for a sidecar of ours, beside the port: frames there, HTTP on both, whatever was left at the path."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from functions_framework.connections.batches import OPENING
from functions_framework.connections.takeover import PREFACE
from functions_framework.serving import listeners
from tests.framework import http
from tests.framework.conftest import Program
from tests.framework.test_batches import frame, reply
from tests.waiting import until

Start = Callable[..., Program]
PORT = ("--host", "127.0.0.1", "--port", "0")
FUNCTION = "import os\nasync def function(request):\n    return str(os.getpid())\n"


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [one.name for one in folder.iterdir()]


async def asked(path: Path) -> tuple[int, int, bytes]:
    """What a frame is answered."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(PREFACE + OPENING + frame(1, b"x", target=b"/"))
    try:
        return await asyncio.wait_for(reply(reader), 20)
    finally:
        writer.close()


@pytest.mark.parametrize("guard", ["on", "off"])
async def test_frames_at_the_socket_and_http_on_the_port(program: Start, short_dir: Path, guard: str) -> None:
    path = short_dir / "app.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    running = program(FUNCTION, OFN_APP_SOCKET=str(path), OFN_GUARD=guard)
    client = await http.Client.open(running.port)
    served = await client.ask("/")
    assert await asked(path) == (1, 200, served.body)
    assert (await client.ask("/readyz")).status == 200
    client.close()
    assert await asyncio.to_thread(running.stop) == 0
    assert names(short_dir) == []


async def test_who_comes_in_the_place_of_one_that_was_killed_takes_the_path_over(
    program: Start, short_dir: Path
) -> None:
    path = short_dir / "app.sock"
    running = program(FUNCTION, OFN_APP_SOCKET=str(path))
    _, _, first = await asked(path)
    os.kill(int(first), signal.SIGKILL)
    await until(lambda: any("another starts" in line for line in running.lines))
    client = await http.Client.open(running.port)
    second = (await client.ask("/")).body
    client.close()
    assert second != first
    assert await asked(path) == (1, 200, second)


@pytest.fixture(autouse=True)
def main_file(tmp_path: Path) -> None:
    """What `command` starts on."""
    (tmp_path / "main.py").write_text(FUNCTION)


async def ask(words: str) -> int:
    """The status of an answer at the port that a greeting names."""
    client = await http.Client.open(int(words.rpartition(":")[2]))
    try:
        return (await client.ask("/")).status
    finally:
        client.close()


@pytest.mark.parametrize("where", ["none/app.sock", "x" * 120, "folder"])
async def test_a_path_that_cannot_be_had_is_told_and_the_port_serves(
    command: Callable[..., subprocess.Popen[str]], short_dir: Path, where: str
) -> None:
    (short_dir / "folder").mkdir()
    running = command(*PORT, OFN_APP_SOCKET=str(short_dir / where))
    assert running.stderr is not None
    told = await asyncio.to_thread(running.stderr.readline)
    assert told.startswith(f"functions_framework: OFN_APP_SOCKET: {short_dir / where} cannot be served (")
    assert await ask(await asyncio.to_thread(running.stderr.readline)) == 200
    assert names(short_dir) == ["folder"]


async def test_several_workers_have_the_port_alone(
    command: Callable[..., subprocess.Popen[str]], short_dir: Path
) -> None:
    running = command(*PORT, OFN_APP_SOCKET=str(short_dir / "app.sock"), OFN_WORKERS="2")
    assert running.stderr is not None
    assert await ask(await asyncio.to_thread(running.stderr.readline)) == 200
    assert names(short_dir) == []


def test_who_leaves_late_leaves_the_path_to_its_successor(short_dir: Path) -> None:
    first = listeners.Beside(str(short_dir / "s"))
    second = listeners.Beside(str(short_dir / "s"))
    first.remove()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(short_dir / "s"))
    second.remove()
    second.remove()
    assert names(short_dir) == []
    for one in (first, second):
        one.socket.close()
