"""The process that serves a group of shapes, and what it prints."""

from __future__ import annotations

import http.client
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.conformance.shapes.shape import Answer, Ask, Shape
from tests.framework.conftest import environment

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# They say how and when an answer was sent, and nothing of what was answered.
_CARRIERS = frozenset({"date", "content-length", "transfer-encoding", "connection"})


class Host:
    """A group's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process, self._lines = process, queue.Queue[str]()
        first = process.stdout.readline()
        assert first, f"the functions did not start: {process.communicate()[1]}"
        self._ports: dict[str, int] = json.loads(first)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def ask(self, function: str, ask: Ask, prints: int = 0) -> Answer:
        """The answer of a function, with as many printed lines as it is to print."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[function], timeout=20)
        try:
            connection.request(ask.method, ask.target, body=ask.body or None, headers=dict(ask.headers))
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in reply.getheaders() if name.lower() not in _CARRIERS}
        printed = tuple(self._lines.get(timeout=20) for _ in range(prints))
        return Answer(body, reply.status, headers, printed)

    def close(self) -> list[str]:
        """End it; the lines that nobody asked for."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()  # nothing, for one that has ended
        self._reader.join(20)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return list(_all(self._lines))


def _all(lines: queue.Queue[str]) -> Iterator[str]:
    while not lines.empty():
        yield lines.get()


def start(group: str, shapes: Iterable[Shape], environ: Mapping[str, str]) -> Host:
    """The functions of a file in one process, one server each."""
    named = [f"{shape.function}:{shape.signature}" for shape in shapes]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.shapes.host", str(HERE / "functions" / f"{group}.py"), *named],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=environment(PYTHONDONTWRITEBYTECODE="1", **environ),
    )  # fmt: skip
    return Host(process)
