"""Processes as the node knows them: identity, noticing their end, ending them.

It starts none; an identity is pid, start time and boot, so that a reused pid is never mistaken for a living instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of one boot: pid and start time in clock ticks since that boot."""

    pid: int
    start: str
    boot: str

    def to_record(self) -> dict[str, Any]:
        """The identity as it is kept in a state file."""
        return {"pid": self.pid, "start": self.start, "boot": self.boot}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Identity:
        """Read an identity from a state file; raises KeyError for an incomplete one."""
        return cls(int(record["pid"]), str(record["start"]), str(record["boot"]))


def boot_id() -> str:
    """A text that changes with every boot; empty where the system has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return ""


def identify(pid: int) -> Identity | None:
    """The identity of a living process; None when it is gone or only its exit status is left."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _identify_without_proc(pid)
    return None if fields[0] in "ZX" else Identity(pid, fields[19], boot_id())


def identify_child(pid: int) -> Identity:
    """The identity of a child whose status was not collected yet, even if it has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return Identity(pid, "", "")
    return Identity(pid, fields[19], boot_id())


def _identify_without_proc(pid: int) -> Identity | None:
    if (PROC / "self").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return Identity(pid, "", "")
    return Identity(pid, "", "")


def is_alive(identity: Identity) -> bool:
    """True while exactly this process runs."""
    return identify(identity.pid) == identity


async def ended(identity: Identity) -> None:
    """Return once this process has ended; it need not be a child, and its status stays to be collected."""
    with contextlib.ExitStack() as stack:
        try:
            watched = _watch(identity.pid, stack)
        except ProcessLookupError:
            return
        if not is_alive(identity):
            return
        await _readable(watched)


def _watch(pid: int, stack: contextlib.ExitStack) -> int:
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(pid)
        stack.callback(os.close, descriptor)
        return descriptor
    return _watch_by_kqueue(pid, stack)


def _watch_by_kqueue(pid: int, stack: contextlib.ExitStack) -> int:
    kernel: Any = select  # Any: kqueue is missing from Linux' type information
    queue = stack.enter_context(contextlib.closing(kernel.kqueue()))
    event = kernel.kevent(
        pid, filter=kernel.KQ_FILTER_PROC, flags=kernel.KQ_EV_ADD, fflags=kernel.KQ_NOTE_EXIT
    )
    try:
        queue.control([event], 0)
    except OSError as error:
        if error.errno == errno.ESRCH:
            raise ProcessLookupError(pid) from error
        raise
    return int(queue.fileno())


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_reader(descriptor, seen.set)
    try:
        await seen.wait()
    finally:
        loop.remove_reader(descriptor)


def collect(pid: int) -> int | None:
    """The exit code of an ended child, as subprocess counts it; None when it is no child of ours or still runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def send(identity: Identity, number: signal.Signals) -> None:
    """Signal the whole process group that this process leads, or the process alone if it leads none."""
    with contextlib.suppress(ProcessLookupError):
        if is_alive(identity) and os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, number)
        elif is_alive(identity):
            os.kill(identity.pid, number)


def kill_group(identity: Identity) -> None:
    """Kill what is left of the group of a process that has ended or must end now, and the process itself.

    The group's id stays taken while any member lives, so it cannot be another's; without members there is none. A
    process that was just started leads none yet.
    """
    if identity.boot == boot_id():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, signal.SIGKILL)
        if is_alive(identity):
            kill(identity.pid)


def marked(variable: str) -> list[tuple[int, str]]:
    """Processes whose environment sets `variable`, and its value; empty where the system does not tell.

    It finds what left its process group; reading costs about 20 µs a process.
    """
    wanted = variable.encode() + b"="
    found = []
    for pid in _pids():
        for entry in _environ(pid):
            if entry.startswith(wanted):
                found.append((pid, entry[len(wanted) :].decode(errors="replace")))
                break
    return found


def sweep(variable: str, values: Collection[str]) -> None:
    """Kill every process whose environment sets `variable` to one of these values."""
    for pid, value in marked(variable):
        if value in values:
            kill(pid)


def _pids() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - names alone, no Path each
    except FileNotFoundError:
        return ()


def _environ(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def session_memory(leader: int) -> tuple[int, int]:
    """The memory of all processes of a session together."""
    sizes = [memory(pid) for pid in _pids() if _session(pid) == leader]
    return sum(pss for pss, _ in sizes), sum(uss for _, uss in sizes)


def session_cpu(leader: int) -> float:
    """Seconds of CPU of all processes of a session together, with those of ended children."""
    return sum(cpu(pid) for pid in _pids() if _session(pid) == leader)


def cpu(pid: int) -> float:
    """Seconds of CPU of a process and of its ended children; 0 where the system does not tell."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    # The name before may hold anything; behind it utime, stime, cutime and cstime are the 12th to 15th.
    return sum(int(word) for word in text.rpartition(")")[2].split()[11:15]) / os.sysconf("SC_CLK_TCK")


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def memory(pid: int) -> tuple[int, int]:
    """Proportional and private memory of a process in bytes; zeros where the system does not tell."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {
        name: int(rest.split()[0]) << 10 for name, _, rest in (line.partition(":") for line in lines[1:])
    }
    return sizes.get("Pss", 0), sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)


@contextlib.asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """A block that ends after so many seconds without an error; `expired()` tells which way it ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds) as limit:
            yield limit


def kill(pid: int) -> None:
    """Kill a process that was just started and is not known by more than its pid yet."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def terminate(identity: Identity) -> None:
    """Ask a process and its group to end."""
    send(identity, signal.SIGTERM)
