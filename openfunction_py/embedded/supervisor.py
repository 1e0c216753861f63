"""The supervisor: starts control, node and gateway, starts them again with back-off, and ends them in order.

It holds the lock on the data folder and imports nothing heavy; it knows nothing of functions.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from openfunction_py.embedded import pidfiles
from openfunction_py.lib import home as homes
from openfunction_py.lib import log
from openfunction_py.node import processes

ROLES = ("control", "node", "gateway")  # in the order of their start; they end the other way round
FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
GRACE = {"gateway": 15.0, "node": 40.0, "control": 10.0}

logger = log.get("supervisor")


class AlreadyRunningError(Exception):
    """Another supervisor holds the data folder."""


@dataclass(slots=True)
class Child:
    """One supervised process and how often it had to be started."""

    role: str
    pid: int = 0
    starts: int = 0
    last_exit: str = ""


def lock(path: Path) -> int:
    """Take the data folder's lock; it is released when this process ends.

    Raises:
        AlreadyRunningError: somebody else has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunningError(f"a platform already runs from {path.parent}; see `ofn status`") from None
    return descriptor


async def run(home: homes.Home) -> None:
    """Supervise until SIGTERM or SIGINT; then stop gateway, node and control in this order.

    Raises:
        AlreadyRunningError: the data folder is in use.
    """
    held = lock(home.lock)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    pidfiles.record(pid_file(home, "supervisor"), _self())
    children = {role: Child(role) for role in ROLES}
    server = await asyncio.start_unix_server(_status_server(children), home.supervisor_socket)
    try:
        async with asyncio.TaskGroup() as group:
            keepers = {role: group.create_task(_keep(home, child, stop)) for role, child in children.items()}
            await stop.wait()
            for role in reversed(ROLES):
                await _stop(children[role], keepers[role])
    finally:
        server.close()
        pid_file(home, "supervisor").unlink(missing_ok=True)
        home.supervisor_socket.unlink(missing_ok=True)
        os.close(held)


def pid_file(home: homes.Home, role: str) -> Path:
    """Where the identity of a supervised process is kept, so that it is found without the supervisor."""
    return home.run / f"{role}.pid"


def _self() -> processes.Identity:
    identity = processes.identify(os.getpid())
    if identity is None:
        raise RuntimeError("this process does not see itself in the process table")
    return identity


async def _keep(home: homes.Home, child: Child, stop: asyncio.Event) -> None:
    delay = FIRST_DELAY
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        code = await _run_once(home, child)
        if stop.is_set():
            return
        child.last_exit = f"exit code {code}"
        logger.warning("a process ended and is started again", role=child.role, code=code, delay=delay)
        if asyncio.get_running_loop().time() - started > 30:
            delay = FIRST_DELAY
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)
        delay = min(delay * 2, LONGEST_DELAY)


async def _run_once(home: homes.Home, child: Child) -> int:
    """Start one process of a role and wait for its end; its log goes to the home."""
    await _end_orphan(home, child.role)
    output = os.open(home.logs / f"{child.role}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "openfunction_py.embedded", child.role,
            env={**os.environ, "OFN_HOME": str(home.root)},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(output)
    child.pid, child.starts = process.pid, child.starts + 1
    identity = processes.identify(process.pid)
    if identity is not None:
        pidfiles.record(pid_file(home, child.role), identity)
    code = await process.wait()
    child.pid = 0
    pid_file(home, child.role).unlink(missing_ok=True)
    return code


async def _end_orphan(home: homes.Home, role: str) -> None:
    """A supervisor that was killed leaves its children; the next one takes their place, not a second seat."""
    orphan = pidfiles.recall(pid_file(home, role))
    if orphan is not None:
        await asyncio.to_thread(pidfiles.end, orphan, grace=GRACE[role])


async def _stop(child: Child, keeper: asyncio.Task[None]) -> None:
    if child.pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.shield(keeper), GRACE[child.role])
    except TimeoutError:
        logger.warning("a process did not stop in time and is killed", role=child.role)
        if child.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        await keeper


def _status_server(children: dict[str, Child]):  # type: ignore[no-untyped-def]  # asyncio's callback type
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rows = [
            {"role": child.role, "pid": child.pid, "starts": child.starts, "lastExit": child.last_exit}
            for child in children.values()
        ]
        writer.write(json.dumps({"pid": os.getpid(), "processes": rows}).encode())
        await writer.drain()
        writer.close()

    return answer
