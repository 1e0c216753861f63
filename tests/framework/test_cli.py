"""The command line as a process: serving, checking, failing, stopping."""

from __future__ import annotations

import asyncio
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from functions_framework import exits
from tests.framework import http
from tests.framework.conftest import Program, run_cli

Start = Callable[..., Program]
HELLO = "def function(request):\n    print('seen', request.path)\n    return {'hello': request.path}\n"


def get(port: int, path: str = "/") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        body: bytes = answer.read()
    return body


def test_a_function_is_served_and_stops_on_sigterm(program: Start) -> None:
    running = program(HELLO)
    assert get(running.port, "/x") == b'{"hello":"/x"}'
    assert running.stop() == 0


def test_what_a_function_prints_is_seen_at_once(program: Start) -> None:
    running = program(HELLO)
    get(running.port, "/print")
    assert running.process.stdout is not None
    assert running.process.stdout.readline() == "seen /print\n"


async def test_sigterm_waits_for_the_request_under_way(program: Start) -> None:
    running = program(
        "import asyncio\nasync def function(request):\n"
        "    print('in', flush=True)\n    await asyncio.sleep(0.5)\n    return 'done'\n"
    )
    client = await http.Client.open(running.port)
    await client.send(http.request("/"))
    assert running.process.stdout is not None
    await asyncio.to_thread(running.process.stdout.readline)
    running.process.terminate()
    reply = await client.reply()
    assert (reply.body, reply.headers["connection"]) == (b"done", "close")
    assert await asyncio.to_thread(running.process.wait, 20) == 0
    client.close()


async def test_a_second_signal_cuts_the_wait(program: Start) -> None:
    running = program(
        "import asyncio\nasync def function(r):\n    print('in')\n    await asyncio.sleep(60)\n"
    )
    client = await http.Client.open(running.port)
    await client.send(http.request("/"))
    assert running.process.stdout is not None
    await asyncio.to_thread(running.process.stdout.readline)
    running.process.terminate()
    while not await _refused(running.port):
        running.process.poll()
    running.process.send_signal(signal.SIGINT)
    assert (await client.reply()).status == 503
    assert await asyncio.to_thread(running.process.wait, 20) == 0
    client.close()


async def _refused(port: int) -> bool:
    try:
        client = await http.Client.open(port)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # the listener closed while it had this connection in its queue
        return False
    client.close()
    return False


async def test_a_thread_that_hangs_does_not_keep_the_process(program: Start) -> None:
    running = program(
        "import threading\ndef function(r):\n    print('in')\n    threading.Event().wait()\n",
        OFN_GRACE_SECONDS="0.2",
    )
    client = await http.Client.open(running.port)
    await client.send(http.request("/"))
    assert running.process.stdout is not None
    await asyncio.to_thread(running.process.stdout.readline)
    assert await asyncio.to_thread(running.stop) == 0
    client.close()


def test_the_timeout_comes_from_the_environment(program: Start) -> None:
    running = program(
        "import threading\ndef function(r):\n    threading.Event().wait(60)\n", OFN_TIMEOUT_SECONDS="0.2"
    )
    with pytest.raises(urllib.error.HTTPError, match="504"):
        get(running.port)


@pytest.mark.parametrize("before", ["pass", "await asyncio.sleep(0.001)"])
async def test_an_async_function_that_blocks_the_loop_is_interrupted(program: Start, before: str) -> None:
    running = program(
        "import asyncio, threading\nasync def function(request):\n    if request.path == '/block':\n"
        f"        {before}\n        threading.Event().wait(60)\n    return 'here'\n",
        OFN_TIMEOUT_SECONDS="0.3",
    )
    client = await http.Client.open(running.port)
    assert (await client.ask("/block")).status == 504
    assert (await client.ask("/")).body == b"here"
    client.close()


def test_exit_handlers_of_the_function_run(program: Start) -> None:
    running = program("import atexit\natexit.register(print, 'bye')\ndef function(r): ...\n")
    assert running.stop() == 0
    assert running.process.stdout is not None
    assert running.process.stdout.read() == "bye\n"


@pytest.mark.parametrize("flag", ["--check", "--dry-run"])
def test_check_loads_and_ends(tmp_path: Path, flag: str) -> None:
    (tmp_path / "main.py").write_text(
        "import functions_framework\n@functions_framework.cloud_event\ndef on(e): ...\n"
    )
    done = run_cli(flag, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "functions_framework: on is a cloudevent function\n")


def test_check_names_the_users_functions_alone(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def function(context): ...\n")
    inputs = '{"a": {"componentName": "c", "componentType": "bindings.cron"}}'
    context = f'{{"name": "f", "version": "v2.0.0", "inputs": {inputs}}}'
    done = run_cli(
        "--check", "--signature-type", "openfunction", cwd=tmp_path, FUNC_CONTEXT=context, DEBUG="false"
    )
    told = [line for line in done.stderr.splitlines() if line.endswith(" function")]
    assert (done.returncode, told) == (0, ["functions_framework: function is a openfunction function"])


def test_the_environment_names_the_function(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def named(r): ...\n")
    assert run_cli("--check", cwd=tmp_path, FUNC_NAME="named", FUNC_SRC="f.py").returncode == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "SourceNotFound"),
        ("", "FunctionNotFound"),
        ("def (", "SyntaxError"),
        ("import nowhere_to_be_found", "DependencyFailed"),
        ("1/0", "ImportFailed"),
    ],
)
def test_a_failure_ends_in_one_line_and_its_code(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "main.py").write_text(text)
    done = run_cli(cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES[reason]
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"functions_framework: {reason}: ")
    assert done.stderr.count("functions_framework: ") == 1
    assert ("Traceback" in done.stderr) == (reason == "ImportFailed")


def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(HELLO)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_cli("--host", "127.0.0.1", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES["AddressInUse"]
    assert "choose another with --host and --port" in done.stderr
