"""Rows about a forked instance without a platform: its template is asked directly, as a node does it.

From the order to fork to the first 200, and private memory a while later.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from functions_framework import control
from tests.bench import contenders, environments, google, memory, report
from tests.bench.contenders import Contender
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.e2e import platform

IDLE_SECONDS = 4.0
MIB = 1024.0


def rows(plan: Plan, anchor: Contender) -> None:
    """First 200 of a fork and its private memory, beside the published framework's process tree."""
    times: list[float] = []
    sizes: list[float] = []
    theirs: list[float] = []
    others: list[float] = []
    with _template() as line:
        for number in range(plan.rounds + 1):
            seconds, size = _fork(line, number)
            with google.served(anchor.folder / "main.py", "hello", None) as (_, pid, spawn):
                memory.pause(IDLE_SECONDS)
                other = sum(map(memory.uss, memory.tree(pid))) / MIB
            if number:
                times.append(seconds * 1000)
                sizes.append(size)
                theirs.append(spawn * 1000)
                others.append(other)
    what = f"spawn of {anchor.shown}"
    report.row(
        "first 200 of a fork", "ms", "<= 1/20", Side(times, "fork order to a template"), Side(theirs, what)
    )
    report.row(
        f"USS of a forked instance, {IDLE_SECONDS:g} s after its first 200", "MiB", "<= 1/6",
        Side(sizes, "the fork"), Side(others, "the process tree"),
    )  # fmt: skip


@contextlib.contextmanager
def _template() -> Iterator[socket.socket]:
    """A connection to a template of the hello function."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "main.py").write_text(google.HELLO)
        path = folder / "t.sock"
        environment = {
            **environments.clean(),
            "FUNCTION_SOURCE": str(folder / "main.py"),
            "FUNCTION_TARGET": "hello",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework.templates.template",
             "--socket", str(path), "--exits", str(folder / "exits")],
            env=environment, cwd=folder, start_new_session=True,
        )  # fmt: skip
        try:
            platform.until(path.exists, seconds=30, what="the template", every=0.01)
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(path))
                yield line
        finally:
            google.end(process)


def _fork(line: socket.socket, number: int) -> tuple[float, float]:
    """Seconds from the order to the first 200, and the instance's private MiB after idling."""
    port = contenders.free_port()
    spec = control.ForkSpec(
        instance=f"bench-{number}",
        host="127.0.0.1",
        port=port,
        env=environments.clean(),
        log="",
        control="",
        limits={},
    )
    begun = time.perf_counter()
    line.sendall(control.encode({"type": "fork", "id": str(number), "spec": spec.to_wire()}))
    google.until_200(f"http://127.0.0.1:{port}/", None)
    seconds = time.perf_counter() - begun
    pid = _forked(line, str(number))
    memory.pause(IDLE_SECONDS)
    size = sum(map(memory.uss, memory.tree(pid))) / MIB
    google.kill(pid)
    return seconds, size


def _forked(line: socket.socket, request_id: str) -> int:
    decoder = control.Decoder()
    while data := line.recv(1 << 16):
        for message in decoder.feed(data):
            if message.get("id") == request_id:
                pid: int = message["pid"]
                return pid
    raise AssertionError("the template ended the conversation")
