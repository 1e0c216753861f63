"""Start and stop hooks, readiness: what runs before the first request and after the last."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from functions_framework import exits
from tests.framework import http
from tests.framework.conftest import Program, environment, run_cli

Start = Callable[..., Program]

HOOKS = """
import asyncio, functions_framework

@functions_framework.on_startup
def first():
    print("first", flush=True)

@functions_framework.on_startup
async def second():
    await asyncio.sleep(0)
    print("second", flush=True)

@functions_framework.lifespan
def third():
    print("third", flush=True)
    yield
    print("third ends", flush=True)

@functions_framework.lifespan
async def fourth():
    print("fourth", flush=True)
    yield
    print("fourth ends", flush=True)

@functions_framework.on_shutdown
def last():
    print("last", flush=True)

async def function(request):
    print("request", flush=True)
    return "here"
"""


def said(program: Program) -> list[str]:
    assert program.process.stdout is not None
    return program.process.stdout.read().splitlines()


async def test_hooks_run_in_order_around_the_requests(program: Start) -> None:
    running = program(HOOKS)
    client = await http.Client.open(running.port)
    assert (await client.ask("/")).body == b"here"
    client.close()
    assert await asyncio.to_thread(running.stop) == 0
    starts = ["first", "second", "third", "fourth"]
    assert said(running) == [*starts, "request", "fourth ends", "third ends", "last"]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_start_that_fails_ends_with_its_code_and_place(tmp_path: Path, kind: str) -> None:
    (tmp_path / "main.py").write_text(
        "import functions_framework\n@functions_framework.on_startup\n"
        f"{kind} load():\n    raise OSError('no model')\ndef function(r): ...\n"
    )
    done = run_cli("--host", "127.0.0.1", "--port", "0", cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES["StartupFailed"]
    last = done.stderr.splitlines()[-1]
    assert "StartupFailed: the startup hook load, main.py line 4: OSError: no model" in last
    assert "Traceback" in done.stderr


async def test_a_hook_that_fails_at_the_end_is_logged_and_the_others_run(program: Start) -> None:
    running = program(
        "import functions_framework\n@functions_framework.on_shutdown\ndef bad(): 1/0\n"
        "@functions_framework.on_shutdown\nasync def good(): print('good')\ndef function(r): ...\n"
    )
    assert await asyncio.to_thread(running.stop) == 0
    assert said(running) == ["good"]
    assert any("ZeroDivisionError" in line for line in running.lines)


def started(folder: Path, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "functions_framework", "--unix-socket", str(path)],
        cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


async def test_health_is_answered_while_it_starts_and_requests_wait(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import functions_framework, os, time, pathlib\n@functions_framework.on_startup\ndef load():\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "async def function(r): return 'served'\n"
    )
    path = tmp_path / "s"
    process = started(tmp_path, path)
    try:
        while not path.exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.01)
        probe = await unix(path)
        assert (await probe.ask("/healthz")).status == 200
        starting = await probe.ask("/readyz")
        assert (starting.status, starting.body) == (503, b"starting\n")
        waiting = await unix(path)
        await waiting.send(http.request("/"))
        (tmp_path / "go").touch()
        assert (await waiting.reply()).body == b"served"
        assert (await probe.ask("/readyz")).status == 200
        probe.close()
        waiting.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
        assert process.stderr is not None
        process.stderr.close()
    assert not path.exists()


async def unix(path: Path) -> http.Client:
    while True:
        try:
            return http.Client(*await asyncio.open_unix_connection(str(path)))
        except ConnectionRefusedError:  # bound, and not yet listening
            await asyncio.sleep(0.01)


async def test_the_functions_word_decides_readiness(program: Start) -> None:
    running = program(
        "import functions_framework\nfunctions_framework.set_ready(False, 'loading')\n"
        "def function(request):\n    functions_framework.set_ready(request.path == '/yes')\n"
    )
    client = await http.Client.open(running.port)
    assert (await client.ask("/readyz")).body == b"loading\n"
    await client.ask("/yes")
    assert (await client.ask("/readyz")).status == 200
    await client.ask("/no")
    assert (await client.ask("/readyz")).body == b"the function says that it is not ready\n"
    assert (await client.ask("/healthz")).status == 200
    client.close()
