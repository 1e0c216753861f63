"""Frameworks under test: the command line in a process, with a working folder of its own."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.framework.conftest import environment

FUNCTIONS = Path(__file__).with_name("google_functions.py")
_GREETING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Served:
    """One function behind the framework's command line."""

    port: int
    folder: Path

    def post(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Post and give the answer's body; fails unless its status is one of success, as the contract's client does."""
        status, told = self.ask("POST", "/", headers, body)
        assert 200 <= status < 300, told
        return told

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] = {}, body: bytes = b""
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body or None, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def output(self) -> Any:
        """What the function wrote; it is removed."""
        path = self.folder / "function_output.json"
        told = json.loads(path.read_text())
        path.unlink()
        return told


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve a function of google_functions.py, by flags or by environment; the same one is started once."""
    started: dict[Any, tuple[subprocess.Popen[str], Served]] = {}

    def start(*flags: str, **env: str) -> Served:
        key = (flags, tuple(env.items()))
        if key not in started:
            started[key] = _start(flags, env, tmp_path_factory.mktemp("served"))
        return started[key][1]

    yield start
    for process, _ in started.values():
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()


def _start(flags: tuple[str, ...], env: dict[str, str], folder: Path) -> tuple[subprocess.Popen[str], Served]:
    source = (
        () if "FUNCTION_SOURCE" in env or "GOOGLE_FUNCTION_SOURCE" in env else ("--source", str(FUNCTIONS))
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "functions_framework", *source, *flags, "--host", "127.0.0.1", "--port", "0"],
        stderr=subprocess.PIPE, text=True, cwd=folder, env=environment(**env),
    )  # fmt: skip
    assert process.stderr is not None
    stderr = process.stderr
    greeting = stderr.readline()
    found = _GREETING.search(greeting)
    if found is None:
        process.kill()
        rest = stderr.read()
        process.wait(20)
        stderr.close()
        raise AssertionError(f"the framework did not start: {greeting}{rest}")
    threading.Thread(target=lambda: [None for _ in stderr], daemon=True).start()
    return process, Served(int(found[1]), folder)
