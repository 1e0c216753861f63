"""Events from an EventSource to a function and its answer on JetStream and on Kafka, and what each driver can do.

From zero, warm, and while somebody is killed; before it the contract suite of every driver, as a table.

Run by `make e2e ARGS=events`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from openfunction_eventing import drivers
from tests.e2e import capabilities, kafka, lines, platform

# Who is killed: words of a command line, or a call that does it.
Victims = Mapping[str, str | Callable[[], None]]


def run(*, events: int = 1000, rounds: int = 5) -> None:
    """Print what was seen; an assertion ends it."""
    found = capabilities.run("events")
    with platform.started() as there, lines.Collector() as collector:
        lines.set_up(there, collector)
        line("JetStream with sync always", there, collector, lines.VICTIMS, events=events, rounds=rounds)
    with kafka.running() as broker, platform.started() as there, lines.Collector() as collector:
        kafka.set_up(there, broker, collector)
        victims: Victims = {**lines.VICTIMS, "broker": lambda: kafka.fall(broker)}
        line("Kafka, one broker", there, collector, victims, events=events, rounds=rounds)
    print(
        f"e2e events: ok, {len(drivers.TYPES)} drivers, {found.totals['passed']} of their tests passed, "
        f"failed {found.totals['failed']}, skipped {found.totals['skipped']}; "
        "a line on JetStream and one on Kafka, lost 0"
    )


def line(
    name: str,
    there: platform.Platform,
    collector: lines.Collector,
    victims: Victims,
    *,
    events: int,
    rounds: int,
) -> None:
    """One line of events: cold and warm answers, then a flow for each that is killed."""
    address, cold, warm = lines.door(there), [], []
    for number in range(rounds):
        platform.until(lambda: at_zero(there), seconds=60, what="the function is at zero", every=0.5)
        cold.append(answered(address, collector, f"cold-{number}"))
        warm += [answered(address, collector, f"warm-{number}-{one}") for one in range(20)]
    print(f"e2e events: {name}, post to answer: from zero {shown(cold)}; warm {shown(warm)}", flush=True)
    for who, victim in victims.items():
        print(f"e2e events: {name}, {lines.flow(there, collector, who, victim, events=events)}", flush=True)


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
