"""The instance's line to its node."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

from functions_framework import control
from functions_framework.serving import link
from tests.framework.conftest import Node, Program

Start = Callable[..., Program]
FUNCTION = "import time\ndef function(request):\n    time.sleep(0.3)\n    return 'x'\n"


def started(program: Start, node: Node) -> Program:
    return program(FUNCTION, OFN_CONTROL=str(node.path), OFN_INSTANCE="pod-1")


def ask(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20).close()


def test_hello_and_ready_come_first(program: Start, node: Node) -> None:
    running = started(program, node)
    hello = node.messages.get(timeout=20)
    assert hello["type"] == "hello"
    assert (hello["version"], hello["instance"], hello["pid"]) == (1, "pod-1", running.process.pid)
    assert int(hello["start"]) > 0
    assert node.messages.get(timeout=20) == {"type": "ready"}


def test_the_load_is_reported_until_one_zero(program: Start, node: Node) -> None:
    running = started(program, node)
    node.wait("ready")
    ask(running.port)
    first, zero = node.wait("load"), node.wait("load")
    assert first["requests"] == 1
    assert 0.2 < first["concurrency"] < 1
    assert zero == {"type": "load", "concurrency": 0.0, "requests": 0, "in_flight": 0}


def test_drain_ends_the_instance_with_zero(program: Start, node: Node) -> None:
    running = started(program, node)
    node.wait("ready")
    node.send(control.drain(5))
    assert running.process.wait(20) == 0


def test_stop_ends_the_instance_at_once(program: Start, node: Node) -> None:
    running = started(program, node)
    node.wait("ready")
    node.send(control.stop())
    assert running.process.wait(20) == 0


def test_a_signal_from_elsewhere_waits_until_the_node_has_turned_requests_away(
    program: Start, node: Node
) -> None:
    running = started(program, node)
    node.wait("ready")
    running.process.send_signal(signal.SIGTERM)
    assert node.wait("not_ready") == {"type": "not_ready", "leaving": True}
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=20) as late:
        assert (late.status, late.headers["connection"]) == (200, "close")
    node.send(control.drain(5))
    assert running.process.wait(20) == 0


def test_a_signal_ends_the_instance_though_the_node_says_nothing(program: Start, node: Node) -> None:
    running = started(program, node)
    node.wait("ready")
    running.process.send_signal(signal.SIGTERM)
    node.wait("not_ready")
    assert running.process.wait(20) == 0


def test_the_line_comes_back_after_the_node_was_away(program: Start, node: Node) -> None:
    running = started(program, node)
    node.wait("ready")
    node.close()
    ask(running.port)
    again = Node(node.path)
    try:
        assert again.wait("hello")["instance"] == "pod-1"
        assert again.wait("ready")
        again.send({"type": "from the future"})
        ask(running.port)
        assert again.wait("load")["requests"] >= 1
    finally:
        again.close()


def test_the_start_ticks_survive_a_strange_command_name() -> None:
    text = f"7 (a ) b) S {' '.join(map(str, range(4, 52)))}\n"
    assert link.start_ticks(text.encode) == "22"
    assert int(link.start_ticks()) == int(
        Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    )
