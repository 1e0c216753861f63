"""Rows about events: JetStream to JetStream through a function, waking by an event, a whole chain, many triggers."""

from __future__ import annotations

from tests.bench import chain, pipes, triggers, wake
from tests.bench.plan import Plan


def events(plan: Plan) -> None:
    """Every row of events; the brokers are of their own, but for the rows about waking."""
    pipes.throughput(plan)
    chain.chain(plan)
    triggers.triggers(plan)
    wake.wake(plan)
