"""What a process holds besides memory: threads, sockets, event loops, accelerator contexts.

It only looks (Linux's /proc; elsewhere the threads Python knows of) and says why a fork would not be safe.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

_TASKS = Path("/proc/self/task")
_FILES = Path("/proc/self/fd")
_KINDS = {
    "socket:": "an open socket",
    "anon_inode:[eventpoll]": "an event loop",
    "anon_inode:[io_uring]": "an io_uring",
    "/dev/nvidia": "an accelerator context",
    "/dev/kfd": "an accelerator context",
    "/dev/dri": "an accelerator context",
    "/dev/accel": "an accelerator context",
}


@dataclass(frozen=True, slots=True)
class Footprint:
    """Names of threads but the main one, and (descriptor, kind) of what a fork would share."""

    threads: tuple[str, ...]
    held: frozenset[tuple[str, str]]


def take() -> Footprint:
    """Look at this process now."""
    return Footprint(_threads(), frozenset(_held()))


def why_unsafe(before: Footprint, after: Footprint) -> str:
    """Why a process with this growth cannot be forked; empty when it can."""
    new = sorted({kind for _, kind in after.held - before.held})
    if after.threads:
        count = len(after.threads)
        names = ", ".join(after.threads[:3])
        new.insert(0, f"{count} thread{'s' if count > 1 else ''} ({names})")
    if not new:
        return ""
    return (
        f"importing the function left {' and '.join(new)}; create them at the first request to start faster"
    )


def _threads() -> tuple[str, ...]:
    main = str(os.getpid())
    try:
        tasks = sorted(task for task in os.listdir(_TASKS) if task != main)  # noqa: PTH208  # Path.iterdir holds a descriptor that we would count
    except OSError:
        return tuple(t.name for t in threading.enumerate() if t is not threading.main_thread())
    return tuple(_read(_TASKS / task / "comm") or "ended" for task in tasks)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""  # the thread has ended since


def _held() -> set[tuple[str, str]]:
    try:
        descriptors = os.listdir(_FILES)  # noqa: PTH208  # as above
    except OSError:
        return set()
    found: set[tuple[str, str]] = set()
    for descriptor in descriptors:
        try:
            target = os.readlink(_FILES / descriptor)  # noqa: PTH115  # a string is compared, not a path
        except OSError:
            continue  # the descriptor of listdir itself
        found.update((descriptor, kind) for start, kind in _KINDS.items() if target.startswith(start))
    return found
