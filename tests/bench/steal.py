"""How much of a processor others took from this machine during a slice: the kernel's steal time."""

from __future__ import annotations

from pathlib import Path

Ticks = dict[str, tuple[int, int]]
_COUNTED = 8  # user nice system idle iowait irq softirq steal


def read() -> Ticks:
    """Stolen and all ticks of each processor so far."""
    found = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = [int(value) for value in values[:_COUNTED]]
            found[name] = (ticks[-1], sum(ticks))
    return found


def share(before: Ticks, after: Ticks) -> float:
    """The largest share that any processor lost between two readings, from 0 to 1."""
    shares = [0.0]
    for name, (stolen, total) in after.items():
        past_stolen, past_total = before.get(name, (0, 0))
        if total > past_total:
            shares.append((stolen - past_stolen) / (total - past_total))
    return max(shares)
