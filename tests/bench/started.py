"""Programs that a bench starts: in an environment without Python's own switches, with a log, ended afterwards."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench import environments, google, memory
from tests.e2e import platform

# A function that keeps the ids of what it was given, one a line, for whoever counts.
KEEPING = """\
import os

import functions_framework

KEPT = os.open(os.environ["BENCH_KEPT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@functions_framework.cloud_event
async def keep(event):
    os.write(KEPT, event["id"].encode() + b"\\n")
"""


@contextlib.contextmanager
def process(
    words: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of a block."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        one = subprocess.Popen(
            words, stdout=stream, stderr=stream, start_new_session=True,
            env={**environments.clean(), **(environment or {})},
        )  # fmt: skip
    try:
        yield one
    finally:
        google.end(one)


def eventing(module: str, folder: Path) -> list[str]:
    """The command line of one of our programs on a folder of documents."""
    return [sys.executable, "-m", f"openfunction_eventing.{module}", "--config", str(folder)]


@contextlib.contextmanager
def keeping(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The function that keeps ids, in `folder`/kept, on our framework."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(KEEPING)
    words = [sys.executable, "-m", "functions_framework", "--source", str(folder / "main.py"), "--target", "keep",
             "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with process(words, folder / "function.log", {"BENCH_KEPT": str(folder / "kept")}) as one:
        answers(port, "readyz")
        yield one


def answers(port: int, path: str, seconds: float = 60.0) -> None:
    """Wait until a program says 200."""

    def is_so() -> bool:
        with contextlib.suppress(OSError):
            return platform.request(f"http://127.0.0.1:{port}/{path}").status == 200
        return False

    platform.until(is_so, seconds=seconds, what=f"port {port} answers /{path}", every=0.05)


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor time of process trees so far, in seconds."""
    return {name: sum(map(memory.cpu_seconds, memory.tree(pid))) for name, pid in pids.items()}
