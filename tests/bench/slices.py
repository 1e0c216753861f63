"""Interleaved slices: every side in turn, again and again, and slices that the host spoiled are left out.

The rule looks at steal alone, never at the result (reference: the method of the project's performance notes).
"""

from __future__ import annotations

import math
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench import memory, steal

SPOILED = 0.06
TRIES = 3
ENOUGH = 3
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice measured: requests a second, latencies in ms, processor time in µs, and what was stolen."""

    rate: float
    half: float
    p99: float
    cpu: float
    stolen: float


def taken(
    turns: Mapping[str, Callable[[], Slice]], rounds: int, *, seconds: float = math.inf
) -> dict[str, list[Slice]]:
    """Take the turns round-robin; a spoiled slice is taken again, at most twice; returns the kept slices.

    No round begins that many seconds after the first: on a busy machine there are fewer, whatever they showed.
    """
    found: dict[str, list[Slice]] = {name: [] for name in turns}
    for name, turn in turns.items():
        turn()  # the first of each warms it
        found[name] = []
    begun = time.monotonic()
    for _ in range(rounds):
        if time.monotonic() - begun > seconds:
            break
        for name, turn in turns.items():
            for _ in range(TRIES):
                one = turn()
                found[name].append(one)
                if one.stolen < SPOILED:
                    break
    return {name: kept(every) for name, every in found.items()}


def kept(every: Sequence[Slice]) -> list[Slice]:
    """Those with little steal, or the three with the least when there are too few."""
    clean = [one for one in every if one.stolen < SPOILED]
    return clean if len(clean) >= ENOUGH else sorted(every, key=lambda one: one.stolen)[:ENOUGH]


def wrk(words: Sequence[str], pids: Sequence[int]) -> Slice:
    """One slice of the load generator against a server of these processes."""
    before, used = steal.read(), sum(map(memory.cpu_seconds, pids))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    after, used = steal.read(), sum(map(memory.cpu_seconds, pids)) - used
    text = done.stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise AssertionError(f"{' '.join(words)}\n{text}")
    rate, requests = _number(r"Requests/sec:\s+([\d.]+)", text), _number(r"(\d+) requests in", text)
    return Slice(
        rate,
        _time("50%", text),
        _time("99%", text),
        used / max(1.0, requests) * 1e6,
        steal.share(before, after),
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, text
    return float(found[1])


def _time(mark: str, text: str) -> float:
    found = re.search(rf"{mark}\s+([\d.]+)(us|ms|s)\b", text)
    assert found is not None, text
    return float(found[1]) * _UNITS[found[2]]
