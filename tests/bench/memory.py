"""Memory of processes as the kernel counts it, and pauses of a measuring client."""

from __future__ import annotations

import os
import threading
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")  # the grain of the times below, in seconds


def pause(seconds: float) -> None:
    """Let other processes run."""
    threading.Event().wait(seconds)


def field(pid: int, *names: str) -> int:
    """The sum of fields of a process's smaps_rollup in KiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split(":")[0] in names)


def uss(pid: int) -> int:
    """Private memory of one process in KiB."""
    return field(pid, "Private_Clean", "Private_Dirty")


def pss(pid: int) -> int:
    """Proportional memory of one process in KiB."""
    return field(pid, "Pss")


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, in seconds (in whole ticks)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK


def started(pid: int) -> float:
    """When a process started, in seconds since boot."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) * TICK
