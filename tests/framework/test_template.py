"""Revision templates: forks that serve, and a parent that outlives its node."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions_framework import control, exits
from tests.framework.conftest import Node, environment

FUNCTION = """
import os, random, sys
HOLDING = [random.random()]
async def function(request):
    print("log", request.path)
    return {"pid": os.getpid(), "env": dict(os.environ), "random": random.random(), "sid": os.getsid(0),
            "fds": sorted(os.listdir("/proc/self/fd"), key=int), "main": __name__}
"""


class Dial:
    """The node's side of a template's socket."""

    def __init__(self, path: Path) -> None:
        self._decoder = control.Decoder()
        self._queue: list[dict[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))

    def receive(self, kind: str = "") -> dict[str, Any]:
        """The next message, or the next of this type."""
        while True:
            while self._queue:
                message = self._queue.pop(0)
                if kind in {"", message["type"]}:
                    return message
            data = self._socket.recv(65536)
            assert data, "the template closed the connection"
            self._queue += self._decoder.feed(data)

    def send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(control.encode(message))

    def close(self) -> None:
        self._socket.close()


@dataclass
class Template:
    """A template process and what a test needs to fork from it."""

    process: subprocess.Popen[str]
    folder: Path
    node: Node
    pids: list[int] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "t.sock"

    @property
    def exits(self) -> list[dict[str, int]]:
        return [json.loads(line) for line in (self.folder / "exits").read_text().splitlines()]

    def spec(self, number: int = 1, **changes: Any) -> control.ForkSpec:
        values: dict[str, Any] = {
            "instance": f"pod-{number}",
            "host": "127.0.0.1",
            "port": free_port(),
            "env": {"K_REVISION": "rev-1", "MINE": str(number)},
            "log": str(self.folder / f"{number}.log"),
            "control": str(self.node.path),
        }
        return control.ForkSpec(**{**values, **changes})

    def fork(self, dial: Dial, spec: control.ForkSpec) -> int:
        dial.send(control.fork(spec.instance, spec))
        answer = dial.receive()
        while answer["type"] == "exited":  # of an earlier fork, told when it was reaped
            answer = dial.receive()
        assert answer["type"] == "forked", answer
        assert answer["id"] == spec.instance
        self.pids.append(answer["pid"])
        return int(answer["pid"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


Start = Callable[..., Template]


@pytest.fixture
def template(short_dir: Path, node: Node) -> Iterator[Start]:
    """Start a template on a source text and wait until it listens."""
    made: list[Template] = []

    def start(source: str = FUNCTION, **env: str) -> Template:
        file = short_dir / "main.py"
        file.write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework.templates.template",
             "--socket", str(short_dir / "t.sock"), "--exits", str(short_dir / "exits")],
            stderr=subprocess.PIPE, text=True, env=environment(FUNCTION_SOURCE=str(file), **env),
        )  # fmt: skip
        one = Template(process, short_dir, node)
        made.append(one)
        while not one.path.exists() and process.poll() is None:
            pass
        return one

    yield start
    for one in made:
        for pid in one.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended by itself, and was reaped
        one.process.kill()
        one.process.wait(20)
        assert one.process.stderr is not None
        one.process.stderr.close()


def get(port: int, path: str = "/") -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return json.loads(answer.read())


def test_a_fork_serves_with_the_environment_it_was_given(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    assert dial.receive() == {
        "type": "ready", "pid": at.process.pid, "threads": [], "fork_safe": True, "reason": "",
    }  # fmt: skip
    spec = at.spec(limits={"nofile": 99})
    pid = at.fork(dial, spec)
    hello = node.wait("hello")
    assert (hello["instance"], hello["pid"]) == ("pod-1", pid)
    node.wait("ready")
    answer = get(spec.port, "/first")
    assert (answer["pid"], answer["sid"]) == (pid, pid)
    assert (answer["env"]["MINE"], answer["env"]["PORT"]) == ("1", str(spec.port))
    assert "PATH" not in answer["env"]
    assert (at.folder / "1.log").read_text() == "log /first\n"
    dial.close()


def held(pid: int) -> set[str]:
    """What the descriptors above stderr lead to."""
    files = Path(f"/proc/{pid}/fd").iterdir()
    return {str(file.readlink()) for file in files if int(file.name) > 2}


def test_forks_share_no_descriptor_of_the_template(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    spec = at.spec()
    pid = at.fork(dial, spec)
    node.wait("ready")
    links, parents = held(pid), held(at.process.pid)
    assert not {link for link in links & parents if link.startswith(("socket:", "pipe:"))}
    dial.close()


def test_forks_draw_different_random_numbers(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    specs = [at.spec(number) for number in (1, 2)]
    for spec in specs:
        at.fork(dial, spec)
        node.wait("ready")
    assert len({get(spec.port)["random"] for spec in specs}) == 2
    dial.close()


def test_an_end_is_told_and_written_down(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    pid, other = (at.fork(dial, at.spec(number)) for number in (1, 2))
    node.wait("ready")
    node.wait("ready")
    os.kill(pid, signal.SIGKILL)
    assert dial.receive() == {"type": "exited", "pid": pid, "code": -9}
    os.kill(other, signal.SIGTERM)
    assert dial.receive() == {"type": "exited", "pid": other, "code": 0}
    assert at.exits == [{"pid": pid, "code": -9}, {"pid": other, "code": 0}]
    dial.close()


def test_a_template_outlives_its_node_and_serves_the_next(template: Start, node: Node) -> None:
    at = template()
    first = Dial(at.path)
    first.receive()
    spec = at.spec(1)
    pid = at.fork(first, spec)
    node.wait("ready")
    first.close()
    os.kill(pid, signal.SIGKILL)
    second = Dial(at.path)
    assert second.receive()["type"] == "ready"
    again = at.spec(2)
    at.fork(second, again)
    node.wait("ready")
    assert get(again.port)["env"]["MINE"] == "2"
    assert {"pid": pid, "code": -9} in at.exits
    second.close()


def test_two_hundred_forks_in_one_breath_all_serve(template: Start, node: Node) -> None:
    at = template("async def function(request):\n    return 1\n")
    dial = Dial(at.path)
    dial.receive()
    specs = [
        at.spec(number, host=f"127.7.{number // 200}.{number % 200 + 1}", port=8080) for number in range(200)
    ]
    for spec in specs:
        dial.send(control.fork(spec.instance, spec))
    answers = [dial.receive() for _ in specs]
    at.pids += [answer["pid"] for answer in answers]
    assert [answer["id"] for answer in answers] == [spec.instance for spec in specs]
    for _ in specs:
        node.wait("ready", 60)
    for spec in specs:
        url = f"http://{spec.host}:8080/"
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.read() == b"1"
    dial.close()


def test_quit_ends_the_template_and_not_its_forks(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    spec = at.spec()
    pid = at.fork(dial, spec)
    node.wait("ready")
    dial.send(control.stop_template())
    assert at.process.wait(20) == 0
    assert not at.path.exists()
    assert get(spec.port)["pid"] == pid
    dial.close()


def test_a_template_whose_home_is_removed_ends(template: Start) -> None:
    at = template()
    at.path.unlink()
    assert at.process.wait(20) == 0


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
            "1 thread (Thread-1 (wait))",
        ),
        ("import socket\nKEPT = socket.socket()\n", "1 open socket (AF_INET)"),
        (
            "import socket\nKEPT = socket.create_server(('127.0.0.1', 0))\n",
            "1 open socket (at 127.0.0.1:",
        ),
        (
            "import asyncio\nKEPT = asyncio.new_event_loop()\n",
            "1 event loop (asyncio.unix_events._UnixSelectorEventLoop)",
        ),
        ("import uvloop\nKEPT = uvloop.new_event_loop()\n", "1 event loop (uvloop.Loop)"),
        ("import select\nKEPT = select.epoll()\n", "an epoll descriptor"),
    ],
)
def test_what_an_import_leaves_behind_forbids_the_fork(template: Start, source: str, word: str) -> None:
    at = template(source + "def function(request): ...\n")
    dial = Dial(at.path)
    ready = dial.receive()
    assert ready["fork_safe"] is False
    assert word in ready["reason"]
    dial.send(control.fork("x", at.spec()))
    refused = dial.receive()
    assert (refused["type"], refused["id"], refused["reason"]) == ("refused", "x", "NotForkSafe")
    dial.close()


def test_a_broken_spec_is_refused_and_the_line_stays(template: Start, node: Node) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    dial.send({"type": "fork", "id": "x", "spec": {"instance": "i"}})
    assert dial.receive()["reason"] == "BadSpec"
    at.fork(dial, at.spec())
    node.wait("ready")
    dial.close()


def test_an_unknown_message_closes_only_that_connection(template: Start) -> None:
    at = template()
    bad, good = Dial(at.path), Dial(at.path)
    bad.receive()
    good.receive()
    bad.send({"type": "dance"})
    assert bad.receive()["reason"] == "BadMessage"
    with pytest.raises(AssertionError, match="closed"):
        bad.receive()
    good.send(control.stop_template())
    assert at.process.wait(20) == 0
    bad.close()
    good.close()


def test_an_address_in_use_ends_the_fork_with_its_code_and_a_line_in_the_log(template: Start) -> None:
    at = template()
    dial = Dial(at.path)
    dial.receive()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at.fork(dial, at.spec(port=taken.getsockname()[1]))
        assert dial.receive("exited")["code"] == exits.EXIT_CODES["AddressInUse"]
    assert (at.folder / "1.log").read_text().startswith("functions_framework: AddressInUse: ")
    dial.close()


def test_a_function_that_cannot_be_loaded_ends_the_template_with_one_line(template: Start) -> None:
    at = template("def other(request): ...\n")
    assert at.process.wait(20) == exits.EXIT_CODES["FunctionNotFound"]
    assert at.process.stderr is not None
    assert at.process.stderr.read().startswith("functions_framework: FunctionNotFound: ")


def test_two_templates_cannot_share_a_socket_but_a_stale_one_is_replaced(template: Start) -> None:
    at = template()
    second = subprocess.run(
        at.process.args, capture_output=True, text=True, timeout=60, check=False,
        env=environment(FUNCTION_SOURCE=str(at.folder / "main.py")),
    )  # fmt: skip
    assert second.returncode == exits.EXIT_CODES["TemplateFailed"]
    assert "another template serves" in second.stderr
    at.process.kill()
    at.process.wait(20)
    inode = at.path.stat().st_ino
    third = template()
    while third.path.exists() and third.path.stat().st_ino == inode:
        assert third.process.poll() is None
    dial = Dial(third.path)
    assert dial.receive()["pid"] == third.process.pid
    dial.close()
