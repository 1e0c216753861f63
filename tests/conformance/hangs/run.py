"""Starts the command on the hanging functions, calls them together, and notes what everybody gets and when."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from functions_framework import clock
from tests.conformance.hangs.functions import SOURCE

TIMEOUT = 1.0


@dataclass
class Outcome:
    """What one kind of hang did.

    Attributes:
        answers: status and seconds of each caller of what hangs.
        beside: status and seconds of innocent requests begun a moment later, and whether the same worker answered.
        after: status and seconds, counted from the last caller's answer, of the next request.
        cpu: processor seconds used in the second after that by all processes of the command.
        log: what the command wrote.
    """

    kind: str
    answers: list[tuple[int, float]] = field(default_factory=list)
    beside: list[tuple[int, float, bool]] = field(default_factory=list)
    after: tuple[int, float] = (0, 0.0)
    cpu: float = 0.0
    log: str = ""

    @property
    def statuses(self) -> dict[int, int]:
        """How many callers got which status."""
        return {status: [one for one, _ in self.answers].count(status) for status, _ in self.answers}

    @property
    def slowest(self) -> float:
        """Seconds until the last caller was answered."""
        return max(seconds for _, seconds in self.answers)


class Command:
    """The standalone command, with as many threads as told."""

    def __init__(self, folder: Path, *, threads: int, **environment: str) -> None:
        (folder / "main.py").write_text(SOURCE)
        self._log = (folder / "log").open("w+")
        self._folder = folder
        known = {name: value for name, value in os.environ.items() if not name.startswith(("OFN_", "FUNC"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework", "--host", "127.0.0.1", "--port", "0"],
            cwd=folder, stderr=self._log, text=True,
            env={**known, "OFN_TIMEOUT_SECONDS": str(TIMEOUT), "OFN_THREADS": str(threads), **environment},
        )  # fmt: skip
        self.port = 0

    async def ready(self) -> None:
        """Wait until it says where it listens."""
        while not (found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.log)):
            assert self.process.poll() is None, self.log
            await asyncio.sleep(0.02)
        self.port = int(found[1])

    @property
    def log(self) -> str:
        """What it has written."""
        return (self._folder / "log").read_text()

    def cpu_seconds(self) -> float:
        """Processor time of all its processes that live."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def pids(self) -> list[int]:
        """The command and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def stop(self) -> int:
        """End it; gives its exit code."""
        self.process.terminate()
        code = self.process.wait(20)
        self._log.close()
        return code


async def ask(port: int, path: str) -> tuple[int, float, str]:
    """Status, seconds and body of one request on its own connection; status 0 for a connection that broke."""
    began = clock.monotonic()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        raw = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    except OSError:
        raw = b""
    status = int(raw.split(b" ", 2)[1]) if raw else 0
    return status, clock.monotonic() - began, raw.rpartition(b"\r\n\r\n")[2].decode()


async def hang(command: Command, kind: str, *, callers: int) -> Outcome:
    """Let this kind hang so many times at once."""
    outcome = Outcome(kind)
    worker = (await ask(command.port, "/beside"))[2]
    async with asyncio.TaskGroup() as group:
        hanging = [group.create_task(ask(command.port, f"/{kind}")) for _ in range(callers)]
        await asyncio.sleep(0.1)
        beside = [group.create_task(ask(command.port, "/beside")) for _ in range(3)]
    outcome.answers = [task.result()[:2] for task in hanging]
    outcome.beside = [(*task.result()[:2], task.result()[2] == worker) for task in beside]
    began = clock.monotonic()
    status, _, _ = await ask(command.port, "/def/none")
    outcome.after = status, clock.monotonic() - began
    await asyncio.sleep(1.0)
    before = command.cpu_seconds()
    await asyncio.sleep(1.0)
    outcome.cpu = command.cpu_seconds() - before
    outcome.log = command.log
    return outcome
