"""The parent process of the standalone command: restarts, exit codes, the end, workers, and other sockets."""

from __future__ import annotations

import asyncio
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from functions_framework import exits
from tests.framework import http
from tests.framework.conftest import Program, environment, run_cli

Start = Callable[..., Program]
PID = "import os\nasync def function(request):\n    return str(os.getpid())\n"


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def watched(pid: int) -> Iterator[Callable[[float], bool]]:
    """Holds a process that is nobody's child here; gives what tells whether it ends within so many seconds."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda seconds: bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


async def ask(port: int, path: str = "/") -> bytes:
    client = await http.Client.open(port)
    try:
        return (await client.ask(path)).body
    finally:
        client.close()


async def test_the_parent_serves_nothing_itself(program: Start) -> None:
    running = program(PID)
    served = int(await ask(running.port))
    assert served != running.process.pid
    assert workers_of(running.process.pid) == [served]


async def test_a_worker_that_crashes_is_replaced_and_that_is_said(program: Start) -> None:
    running = program(PID)
    first = int(await ask(running.port))
    os.kill(first, signal.SIGKILL)
    second = int(await ask(running.port))  # it waits in the queue of the parent's socket
    assert second != first
    assert await asyncio.to_thread(running.stop) == 0
    assert any(f"worker {first} ended with signal SIGKILL; another starts" in line for line in running.lines)


async def test_what_a_function_started_ends_with_its_worker(program: Start) -> None:
    running = program(
        "import os, subprocess\ndef function(request):\n"
        "    return f\"{os.getpid()} {subprocess.Popen(['sleep', '600']).pid}\"\n"
    )
    worker, started = map(int, (await ask(running.port)).split())
    with watched(started) as ended:
        os.kill(worker, signal.SIGKILL)
        await ask(running.port)
        assert await asyncio.to_thread(ended, 20)


async def test_a_worker_whose_parent_is_killed_drains_and_ends(program: Start) -> None:
    running = program(PID)
    worker = int(await ask(running.port))
    with watched(worker) as ended:
        running.process.kill()
        running.process.wait(20)
        assert await asyncio.to_thread(ended, 20)


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_start_that_fails_ends_the_command_with_its_code(tmp_path: Path, count: str) -> None:
    (tmp_path / "main.py").write_text("1/0")
    done = run_cli("--host", "127.0.0.1", "--port", "0", "--workers", count, cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES["ImportFailed"]
    assert "listening" not in done.stderr


def test_a_function_that_ends_the_process_at_import_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import os\nos._exit(0)")
    done = run_cli("--host", "127.0.0.1", "--port", "0", cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES["InstanceFailed"]


def test_an_order_to_end_during_the_start_hooks_is_no_failure(
    tmp_path: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "main.py").write_text(
        f"import asyncio, functions_framework\n@functions_framework.on_startup\nasync def load():\n"
        f"    open({str(begun)!r}, 'w').close()\n    await asyncio.sleep(600)\n"
        "def function(request):\n    return 'never'\n"
    )
    running = command("--host", "127.0.0.1", "--port", "0")
    while not begun.exists():
        assert running.poll() is None
    running.terminate()
    _, said = running.communicate(timeout=20)
    assert (running.returncode, said) == (0, "")


async def test_a_task_that_exits_ends_its_process_and_no_answer_of_another_call(program: Start) -> None:
    running = program(
        "import asyncio, os, sys\n"
        "async def leave():\n    sys.exit(5)\n"
        "async def function(request):\n"
        "    if request.path == '/leave':\n        asyncio.create_task(leave())\n"
        "    await asyncio.sleep(0.3)\n    return str(os.getpid())\n"
    )
    first = await http.Client.open(running.port)
    await first.send(http.request("/"))
    second = await ask(running.port, "/leave")
    assert (await first.reply()).body == second
    assert await ask(running.port) != second
    assert await asyncio.to_thread(running.stop) == 0
    assert any("the function called sys.exit(5)" in line for line in running.lines)
    first.close()


@pytest.mark.parametrize("count", ["1", "3"])
async def test_every_request_on_an_accepted_or_queued_connection_is_answered_at_sigterm(
    program: Start, count: str
) -> None:
    running = program(
        "import asyncio\nasync def function(request):\n    await asyncio.sleep(0.3)\n    return 'done'\n",
        OFN_WORKERS=count,
    )
    clients = [await http.Client.open(running.port) for _ in range(40)]
    for client in clients[:20]:
        await client.send(http.request("/early"))
    running.process.send_signal(signal.SIGTERM)
    for client in clients[20:]:
        await client.send(http.request("/late"))
    replies = [await client.reply() for client in clients]
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"done")] * 40
    assert await asyncio.to_thread(running.process.wait, 20) == 0
    for client in clients:
        client.close()


async def test_an_endless_stream_ends_with_the_grace(program: Start) -> None:
    running = program(
        "import asyncio\nasync def function(request):\n    while True:\n        yield b'x'\n"
        "        await asyncio.sleep(0.01)\n",
        OFN_GRACE_SECONDS="0.5",
    )
    client = await http.Client.open(running.port)
    await client.send(http.request("/"))
    await client.reader.readuntil(b"1\r\nx\r\n")
    running.process.terminate()
    rest = await asyncio.wait_for(client.reader.read(), 20)
    assert not rest.endswith(b"0\r\n\r\n")  # it is seen to be cut off
    assert await asyncio.to_thread(running.process.wait, 20) == 0
    client.close()


async def test_workers_share_the_socket(program: Start) -> None:
    running = program(PID, OFN_WORKERS="2")
    seen: set[bytes] = set()
    while len(seen) < 2:
        clients = [await http.Client.open(running.port) for _ in range(8)]
        seen |= {(await client.ask("/")).body for client in clients}
        for client in clients:
            client.close()
    assert {int(pid) for pid in seen} == set(workers_of(running.process.pid))
    assert running.stop() == 0


async def test_without_a_guard_there_is_one_process(program: Start) -> None:
    running = program(PID, OFN_GUARD="off")
    assert int(await ask(running.port)) == running.process.pid


@pytest.fixture(autouse=True)
def main_file(tmp_path: Path) -> None:
    """What `command` starts on."""
    (tmp_path / "main.py").write_text(PID)


def greeting(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().strip().removeprefix("functions_framework: listening on ")


@pytest.mark.parametrize("by_flag", [True, False])
async def test_a_unix_socket(
    command: Callable[..., subprocess.Popen[str]], short_dir: Path, by_flag: bool
) -> None:
    path = short_dir / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    running = command("--unix-socket", str(path)) if by_flag else command(OFN_UNIX_SOCKET=str(path))
    assert await asyncio.to_thread(greeting, running) == f"unix:{path}"
    client = http.Client(*await asyncio.open_unix_connection(str(path)))
    assert (await client.ask("/")).status == 200
    client.close()
    second = command("--unix-socket", str(path))
    assert await asyncio.to_thread(second.wait, 20) == exits.EXIT_CODES["AddressInUse"]
    running.terminate()
    assert await asyncio.to_thread(running.wait, 20) == 0
    assert not path.exists()


@pytest.mark.parametrize("by_flag", [True, False])
async def test_an_inherited_socket(command: Callable[..., subprocess.Popen[str]], by_flag: bool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number, port = listener.fileno(), listener.getsockname()[1]
        flags = ("--fd", str(number)) if by_flag else ()
        running = command(*flags, passing=(number,), **({} if by_flag else {"OFN_FD": str(number)}))
        assert await asyncio.to_thread(greeting, running) == f"http://127.0.0.1:{port}"
        assert int(await ask(port)) in workers_of(running.pid)


def as_systemd_does(folder: Path, descriptor: int) -> subprocess.Popen[str]:
    """Descriptor 3, and the pid of the very process."""
    script = f'exec 3<&{descriptor}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" -m functions_framework'
    return subprocess.Popen(
        ["bash", "-c", script, sys.executable], cwd=folder, pass_fds=(descriptor,),
        stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


async def test_a_socket_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PID)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        running = as_systemd_does(tmp_path, listener.fileno())
        try:
            assert await asyncio.to_thread(greeting, running) == f"http://127.0.0.1:{port}"
            assert int(await ask(port)) in workers_of(running.pid)
        finally:
            running.terminate()
            running.wait(20)
            assert running.stderr is not None
            running.stderr.close()


def test_a_descriptor_that_is_no_socket_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PID)
    done = run_cli("--fd", "2", cwd=tmp_path)
    assert done.returncode == exits.EXIT_CODES["InvalidSetting"]
    assert "the descriptor 2 is no socket" in done.stderr


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (("--target", "other", "--source", "f.py", "--signature-type", "http"), {}),
        ((), {"FUNCTION_TARGET": "other", "FUNCTION_SOURCE": "f.py", "FUNCTION_SIGNATURE_TYPE": "http"}),
        ((), {"FUNC_NAME": "other", "FUNC_SRC": "f.py", "FUNC_TYPE": "http"}),
    ],
)
async def test_flags_and_variables_name_the_function(
    tmp_path: Path, flags: tuple[str, ...], env: dict[str, str]
) -> None:
    (tmp_path / "f.py").write_text("def other(request): ...\ndef function(request): ...\n")
    done = run_cli("--dry-run", *flags, cwd=tmp_path, **env)
    assert (done.returncode, done.stderr) == (0, "functions_framework: other is a http function\n")


@pytest.mark.parametrize("by_flag", [True, False])
async def test_host_port_and_debug(command: Callable[..., subprocess.Popen[str]], by_flag: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"HOST": "127.0.0.1", "PORT": str(port), "DEBUG": "1"}
    flags = ("--host", "127.0.0.1", "--port", str(port), "--debug")
    running = command(*flags) if by_flag else command(**given)
    assert await asyncio.to_thread(greeting, running) == f"http://127.0.0.1:{port}"
    assert int(await ask(port)) == running.pid  # a debugger has the terminal


@pytest.mark.parametrize("name", ["functions-framework", "ff"])
def test_both_names_of_the_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "main.py").write_text(PID)
    program = Path(sys.executable).parent / name
    done = subprocess.run(
        [str(program), "--dry-run"], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "functions_framework: function is a http function\n")


def as_a_node_does(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "functions_framework", "--host", "127.0.0.1", "--port", "0"],
        cwd=folder, stderr=subprocess.PIPE, text=True,
        env=environment(OFN_CONTROL=str(folder / "nobody"), OFN_TIMEOUT_SECONDS="0.5"),
    )  # fmt: skip


async def test_an_instance_of_a_node_ends_itself_when_the_lock_is_held(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import ctypes\ndef function(request):\n    lock = ctypes.create_string_buffer(128)\n"
        "    libc = ctypes.PyDLL(None)\n    libc.pthread_mutex_lock(lock)\n    libc.pthread_mutex_lock(lock)\n"
    )
    process = as_a_node_does(tmp_path)
    assert process.stderr is not None
    found = re.search(r":(\d+)", greeting(process))
    assert found
    client = await http.Client.open(int(found[1]))
    await client.send(http.request("/"))
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(process.stderr or ()))
    reading.start()
    assert await asyncio.to_thread(process.wait, 20) == 1
    reading.join()
    process.stderr.close()
    assert any("main.py" in line and "in function" in line for line in lines)  # where it hung
    client.close()


@pytest.mark.parametrize("how", ["closed", "broken"])
async def test_a_command_whose_output_nobody_takes_serves_all_the_same(tmp_path: Path, how: str) -> None:
    (tmp_path / "main.py").write_text(PID)
    command = [sys.executable, "-m", "functions_framework"]
    nobody, ours = os.pipe()
    os.close(nobody)
    if how == "closed":
        command = ["sh", "-c", f"exec {shlex.join(command)} >&- 2>&-"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = listener.fileno()
        running = await asyncio.create_subprocess_exec(
            *command,
            stdout=ours,
            stderr=ours,
            pass_fds=(held,),
            cwd=tmp_path,
            env=environment(OFN_FD=str(held)),
        )
        os.close(ours)
        try:
            port = listener.getsockname()[1]
            worker = int(await asyncio.wait_for(ask(port), 20))
            assert workers_of(running.pid) == [worker]
            os.kill(worker, signal.SIGKILL)  # that it is replaced is said to nobody too
            assert int(await asyncio.wait_for(ask(port), 20)) != worker
        finally:
            running.terminate()
            code = await asyncio.wait_for(running.wait(), 20)
    assert code == 0
