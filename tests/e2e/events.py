"""Events from an EventSource to a function and its answer, with figures: from zero, warm, and while somebody is killed.

Run by `make e2e ARGS=events`.
"""

from __future__ import annotations

import statistics
import time

from tests.e2e import lines, platform


def run(*, events: int = 1000, rounds: int = 5) -> None:
    """Print what was seen; an assertion ends it."""
    with platform.started() as there, lines.Collector() as collector:
        lines.set_up(there, collector)
        address, cold, warm = lines.door(there), [], []
        for number in range(rounds):
            platform.until(lambda: at_zero(there), seconds=60, what="the function is at zero", every=0.5)
            cold.append(answered(address, collector, f"cold-{number}"))
            warm += [answered(address, collector, f"warm-{number}-{one}") for one in range(20)]
        print(
            f"e2e events: jetstream with sync always, post to answer: from zero {shown(cold)}; warm {shown(warm)}"
        )
        for name, victim in lines.VICTIMS.items():
            print(f"e2e events: {lines.flow(there, collector, name, victim, events=events)}", flush=True)


def at_zero(there: platform.Platform) -> bool:
    """Whether no function has a Pod."""
    return not there.json("pods", "-l", "serving.knative.dev/revision")["items"]


def answered(address: str, collector: lines.Collector, event: str) -> float:
    """Seconds from the post of an event until its answer is at the collector."""
    begun = time.perf_counter()
    assert lines.post(address, event, "drawn", 1) == 202
    platform.until(
        lambda: collector.counted("/answers", "of")[event] > 0, seconds=30, what="an answer", every=0.001
    )
    return time.perf_counter() - begun


def shown(times: list[float]) -> str:
    """Median and worst in milliseconds."""
    return f"p50 {statistics.median(times) * 1000:.0f} ms, max {max(times) * 1000:.0f} ms, n {len(times)}"
