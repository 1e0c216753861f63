"""The processes that a build starts, and theirs: found and ended together.

Only Linux tells who descends from whom; elsewhere a program's process group has to do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
PROCESSES = Path("/proc")


def adopt_orphans() -> None:
    """Become the parent of what descendants leave behind, so that a program that went to the background is found."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)


def end() -> None:
    """Kill every descendant, and again those that were started meanwhile, until none is left.

    Only for a process that is nothing but a builder.
    """
    if sys.platform != "linux":
        return
    while found := descendants(os.getpid()):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap(found)


def end_group(leader: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def descendants(root: int) -> list[int]:
    """The living processes below one, at any depth."""
    below: dict[int, list[int]] = {}
    for folder in PROCESSES.iterdir():
        if folder.name.isdigit() and (parent := _living_child_of(folder)):
            below.setdefault(parent, []).append(int(folder.name))
    found = list(below.get(root, ()))
    for pid in found:
        found.extend(below.get(pid, ()))
    return found


def _living_child_of(folder: Path) -> int:
    """The parent of a process; 0 when it is gone or only waits to be collected."""
    try:
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    return 0 if state in "ZX" else int(parent)


def _reap(pids: list[int]) -> None:
    """Collect those that became ours; others belong to a parent that was killed too and come to us next."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
