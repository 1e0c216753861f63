"""What a process holds besides memory: threads, sockets, event loops, accelerator contexts, each by its name.

It only looks (Linux's /proc; elsewhere the threads Python knows of) and says why a fork would not be safe.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from functions_framework import clock

_TASKS = Path("/proc/self/task")
_FILES = Path("/proc/self/fd")
_MAPS = Path("/proc/self/maps")
_POLLS = {"anon_inode:[eventpoll]": "an epoll descriptor", "anon_inode:[io_uring]": "an io_uring"}
_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri", "/dev/accel")
_DRIVERS = ("libcuda.so", "libhsa-runtime64.so", "libamdhip64.so", "libze_loader.so")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Footprint:
    """Names of threads but the main one, what each descriptor leads to, and the classes of open event loops."""

    threads: tuple[str, ...]
    held: Mapping[str, str]
    loops: tuple[str, ...]


def take() -> Footprint:
    """Look at this process now."""
    return Footprint(_threads(), _held(), _loops())


def take_when_quiet(seconds: float) -> Footprint:
    """As `take`, once no thread is left, at the latest after this time.

    A thread that was joined is still the kernel's for a moment, and nothing tells when it is not.
    """
    over = clock.monotonic() + seconds
    while (found := take()).threads and clock.monotonic() < over:
        os.sched_yield()
    return found


def grown(before: Footprint, after: Footprint) -> str:
    """Every thread and descriptor that is new, in words; empty when there is none."""
    threads = list(after.threads)
    for name in before.threads:
        if name in threads:
            threads.remove(name)
    new = [*_counted("thread", threads), *_new(before, after).values()]
    return " and ".join(new)


def why_unsafe(before: Footprint, after: Footprint) -> str:
    """Why a process with this growth cannot be forked; empty when it can."""
    targets = _new(before, after)
    loops = list(after.loops[len(before.loops) :])
    found = [
        *_counted("thread", after.threads),
        *_counted("event loop", loops),
        *_counted("open socket", _sockets(targets)),
        *([] if loops else _polls(targets)),
        *_contexts(targets),
    ]
    if not found:
        return ""
    words = " and ".join(filter(None, [", ".join(found[:-1]), found[-1]]))
    return f"importing the function left {words}; create them at the first request to start faster"


def _new(before: Footprint, after: Footprint) -> dict[str, str]:
    return {number: target for number, target in after.held.items() if before.held.get(number) != target}


def _counted(noun: str, names: Iterable[str]) -> list[str]:
    """For example: `2 threads (pool-0, pool-1)`; nothing for nothing."""
    known = list(names)
    if not known:
        return []
    more = [f"{len(known) - _SHOWN} more"] if len(known) > _SHOWN else []
    shown = ", ".join([*known[:_SHOWN], *more])
    return [f"{len(known)} {noun}{'s' if len(known) > 1 else ''} ({shown})"]


def _sockets(targets: Mapping[str, str]) -> list[str]:
    return [_ends(int(number)) for number, target in targets.items() if target.startswith("socket:")]


def _ends(descriptor: int) -> str:
    """Where a socket leads: its peer, else its own address, else its family."""
    try:
        end = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return f"descriptor {descriptor}"  # closed since, or of a family Python does not know
    with end:
        for what, ask in (("to", end.getpeername), ("at", end.getsockname)):
            try:
                address = ask()
            except OSError:
                continue  # not connected
            if address and (not isinstance(address, tuple) or address[1]):
                return f"{what} {_text(address)}"
        return end.family.name


def _text(address: object) -> str:
    if isinstance(address, tuple):
        return ":".join(map(str, address[:2]))
    return address.decode(errors="replace") if isinstance(address, bytes) else str(address)


def _polls(targets: Mapping[str, str]) -> list[str]:
    return sorted({_POLLS[target] for target in targets.values() if target in _POLLS})


def _contexts(targets: Mapping[str, str]) -> list[str]:
    devices = sorted({target for target in targets.values() if target.startswith(_DEVICES)})
    if not devices:
        return []
    return _counted("accelerator context", [", ".join([*devices, *_drivers()])])


def _drivers() -> list[str]:
    """The accelerator libraries that this process has loaded, by file name."""
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:
        return []
    names = {Path(line.split(None, 5)[-1]).name for line in lines if "/" in line}
    return sorted(name for name in names if name.startswith(_DRIVERS))


def _loops() -> tuple[str, ...]:
    """The event loops that are open; the type is asked, for an object of the user's may lie about its class."""
    known = [
        one
        for one in gc.get_objects()
        if issubclass(type(one), asyncio.AbstractEventLoop) and not one.is_closed()
    ]
    return tuple(f"{type(one).__module__}.{type(one).__qualname__}" for one in known)


def _threads() -> tuple[str, ...]:
    main = str(os.getpid())
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    try:
        tasks = sorted(task for task in os.listdir(_TASKS) if task != main)  # noqa: PTH208  # Path.iterdir holds a descriptor that we would count
    except OSError:
        return tuple(t.name for t in others)
    named = {str(t.native_id): t.name for t in others}
    return tuple(named.get(task) or _read(_TASKS / task / "comm") or "ended" for task in tasks)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""  # the thread has ended since


def _held() -> dict[str, str]:
    try:
        descriptors = os.listdir(_FILES)  # noqa: PTH208  # as above
    except OSError:
        return {}
    found = {}
    for descriptor in descriptors:
        try:
            found[descriptor] = os.readlink(_FILES / descriptor)  # noqa: PTH115  # a string is compared, not a path
        except OSError:
            continue  # the descriptor of listdir itself
    return found
