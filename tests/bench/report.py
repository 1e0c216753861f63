"""How the table is printed: one row for each comparison, under it what was run and how far it spread.

It judges nothing but the ratio: a bar is printed, never enforced.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import google
from tests.e2e import platform


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a row: its samples, and what was run to get them."""

    samples: Sequence[float]
    command: str

    @property
    def median(self) -> float:
        """The figure that is quoted."""
        return statistics.median(self.samples)

    def spread(self) -> str:
        """Smallest and largest sample, and how many there were."""
        return f"{min(self.samples):.1f} to {max(self.samples):.1f}, n {len(self.samples)}"


def row(name: str, unit: str, bar: str, ours: Side, theirs: Side | None = None) -> None:
    """Print one row: the medians of ours and of the anchor, their ratio and the bar."""
    beside = f"{'':>26}"
    if theirs is not None:
        beside = f"{theirs.median:10.1f} {unit:<5} {ours.median / theirs.median:8.3f}"
    print(f"{name:<42} {ours.median:10.1f} {unit:<5} {beside}   bar {bar}")
    print(f"    ours:   {ours.command} ({ours.spread()})")
    if theirs is not None:
        print(f"    anchor: {theirs.command} ({theirs.spread()})")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line that belongs to the row above."""
    print(f"    {text}", flush=True)


def head(rounds: int) -> None:
    """Print what is compared with what, and on which machine."""
    load = " ".join(Path("/proc/loadavg").read_text().split()[:3])
    print(f"python {sys.version.split()[0]}; anchors: functions-framework {google.VERSION}, {_kubectl()}")
    print(f"{os.cpu_count()} processors, load {load}, rounds {rounds}; medians, both sides in turn")
    print(f"{'row':<42} {'ours':>10} {'':<5} {'anchor':>10} {'':<5} {'ratio':>8}", flush=True)


def _kubectl() -> str:
    client = platform.kubectl()
    if client is None:
        return "no kubectl"
    done = subprocess.run([client, "version", "--client"], capture_output=True, text=True, check=False)
    version = done.stdout.splitlines()[0].rpartition(" ")[2] if done.stdout else "of unknown version"
    return f"{Path(client).name} {version}"


def wrk() -> str | None:
    """The load generator, if it is installed."""
    return shutil.which("wrk")
