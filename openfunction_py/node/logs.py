"""The shelf of Pod logs: one file per run of a container, kept a while after the Pod is gone.

Instances write the files themselves; the shelf names, reads and bounds them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

from openfunction_py.node import files, processes, sandbox
from openfunction_py.wire.messages import LogsRequest

PIECE = 1 << 16
LOOK_SECONDS = 0.2  # only while somebody follows a log
MAX_RUN_BYTES = 16 << 20
KEEP_RUNS = 5
FIRST_RUN_SECONDS = 20.0
KEEP_BYTES = 256 << 20


class MissingLogError(Exception):
    """There is no such log; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Run:
    """Where one run of a container writes: its log, and the message it may leave at its end."""

    log: Path
    message: Path
    exits: Path


class Shelf:
    """The logs of one node."""

    def __init__(self, root: Path) -> None:
        """Keep logs as <root>/<namespace>/<pod>_<uid>/<container>.<run>.log."""
        self._root = root
        self._under_way: set[Path] = set()
        self._changed = asyncio.Event()

    def folder(self, namespace: str, pod: str, uid: str) -> Path:
        """The folder of one Pod's logs."""
        return self._root / namespace / f"{pod}_{uid}"

    def run(self, folder: Path, container: str, number: int) -> Run:
        """The files of one run."""
        return Run(*(folder / f"{container}.{number}.{kind}" for kind in ("log", "message", "exit")))

    def open(self, run: Run, level: sandbox.Level) -> None:
        """Make a run's files, the instance's own, and count the run as under way."""
        files.open_folder(run.log.parent.parent)
        files.open_folder(run.log.parent)
        for path in (run.log, run.message):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            sandbox.give(path, level)
        self.begin(run)

    def begin(self, run: Run) -> None:
        """Count a run as under way; who follows its log waits for more."""
        self._under_way.add(run.log)
        self._notify()

    def finish(self, run: Run) -> None:
        """Count a run as over."""
        self._under_way.discard(run.log)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def read(self, request: LogsRequest) -> AsyncGenerator[bytes, None]:
        """The text of a log; raises MissingLogError."""
        path = await self._await_run(request)
        with path.open("rb") as file:
            file.seek(_start(file.fileno(), request.tail))
            while True:
                live = path in self._under_way
                while piece := file.read(PIECE):
                    yield piece
                if not (request.follow and live):
                    return
                if file.tell() > path.stat().st_size:
                    file.seek(0)  # the log was cut to its bound
                await asyncio.sleep(LOOK_SECONDS)

    async def _await_run(self, request: LogsRequest) -> Path:
        """The file of a run; who follows waits a while for a container that is about to start."""
        over = asyncio.get_running_loop().time() + FIRST_RUN_SECONDS
        while True:
            changed = self._changed
            try:
                return self._find(request)
            except MissingLogError:
                left = over - asyncio.get_running_loop().time()
                if not request.follow or left <= 0:
                    raise
            async with processes.deadline(left):
                await changed.wait()

    def _find(self, request: LogsRequest) -> Path:
        folders = sorted(
            (self._root / request.namespace).glob(f"{request.pod}_*"), key=lambda one: one.stat().st_mtime_ns
        )
        if not folders:
            raise MissingLogError(
                f"this node has no log of a Pod {request.pod} in the namespace {request.namespace}"
            )
        runs = _runs(folders[-1])
        names = sorted(runs)
        container = request.container or (names[0] if len(names) == 1 else "")
        if container not in runs:
            have = ", ".join(names) or "none yet"
            raise MissingLogError(
                f"the Pod {request.pod} has no log of the container {container or '(not named)'}; it has: {have}"
            )
        numbers = sorted(runs[container])
        if request.previous and len(numbers) < 2:
            raise MissingLogError(f"the container {container} of the Pod {request.pod} has run once only")
        return runs[container][numbers[-2 if request.previous else -1]]

    def prune(self) -> None:
        """Keep what is under way and the newest of the rest within bounds; cut logs that grew too long."""
        for path in self._under_way:
            _cut(path)
        finished = [one for one in self._pod_folders() if not self._is_live(one)]
        finished.sort(key=lambda one: one.stat().st_mtime_ns, reverse=True)
        total = 0
        for folder in finished:
            total += sum(path.stat().st_size for path in folder.iterdir())
            if total > KEEP_BYTES:
                shutil.rmtree(folder, ignore_errors=True)

    def drop_old_runs(self, folder: Path, container: str) -> None:
        """Keep the last runs of a container that restarts again and again."""
        runs = _runs(folder).get(container, {})
        for number in sorted(runs)[:-KEEP_RUNS]:
            for path in self.run(folder, container, number).log, self.run(folder, container, number).message:
                path.unlink(missing_ok=True)

    def _pod_folders(self) -> Iterator[Path]:
        return self._root.glob("*/*_*")

    def _is_live(self, folder: Path) -> bool:
        return any(path.parent == folder for path in self._under_way)


def _runs(folder: Path) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    for path in folder.glob("*.*.log"):
        container, number = path.name.removesuffix(".log").rsplit(".", 1)
        if number.isdigit():
            found.setdefault(container, {})[int(number)] = path
    return found


def _start(descriptor: int, tail: int | None) -> int:
    """Where the last `tail` lines begin, looking at no more than the file's last 16 MiB."""
    size = os.fstat(descriptor).st_size
    if tail is None:
        return 0
    at, seen = size, 0
    while at > max(0, size - MAX_RUN_BYTES):
        step = min(PIECE, at)
        block = os.pread(descriptor, step, at - step)
        for index in range(len(block) - 1, -1, -1):
            if block[index] == 0x0A and at - step + index != size - 1:
                seen += 1
                if seen == tail:
                    return at - step + index + 1
        at -= step
    return size if tail == 0 else at


def _cut(path: Path) -> None:
    """Keep the second half of a log that is too long; it is opened for appending, so its writer goes on at the end."""
    try:
        if path.stat().st_size <= MAX_RUN_BYTES:
            return
        with path.open("r+b") as file:
            file.seek(-MAX_RUN_BYTES // 2, os.SEEK_END)
            kept = file.read().partition(b"\n")[2]
            file.truncate(0)
            file.seek(0)
            file.write(kept)
    except FileNotFoundError:
        return
