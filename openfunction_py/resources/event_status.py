"""Statuses of the kinds of events.openfunction.io: one condition per type, with the older name of its time.

Pure: time is an argument. Reasons are those of openfunction.md 1.8, and ours where it has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.events import EventStatus

READY = "Ready"
NO_BUS = "ErrorToFindExistEventBus"
NO_SUBSCRIBERS = "ErrorToFindTriggerSubscribers"
CONFIGURATION = "ErrorConfiguration"
PENDING = "PendingCreation"
BUS_NOT_READY = "EventBusNotReady"
NO_SINK = "SinkNotFound"
NOT_OWNED = "NotOwned"

Bus = EventBus | ClusterEventBus


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an object does its work (True, False, Unknown), and why."""

    status: str
    reason: str
    message: str


def status(before: EventStatus, verdict: Verdict, *, generation: int, now: str) -> dict[str, Any]:
    """The whole status; entries of types that are no more go."""
    made = meta.Condition(
        type=READY,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        observed_generation=generation,
    )
    (placed,) = meta.set_condition([one for one in before.conditions if one.type == READY], made, now=now)
    wire = placed.to_wire()
    return {
        "conditions": [{**wire, "timestamp": wire["lastTransitionTime"]}],
        "observedGeneration": generation,
    }


def no_bus(name: str) -> Verdict:
    """Neither kind of bus has that name."""
    sentence = f"there is no EventBus {name} in the namespace and no ClusterEventBus {name}; create one"
    return Verdict("False", NO_BUS, sentence)


def of_bus(name: str, bus: Bus) -> Verdict | None:
    """What a bus forbids while it does not answer; None when it is well."""
    ready = meta.find_condition(bus.status.conditions, READY)
    if ready is None or ready.status == "Unknown":
        return Verdict("Unknown", BUS_NOT_READY, f"the {bus.kind} {name} is not ready yet")
    if ready.status == "False":
        return Verdict("False", BUS_NOT_READY, f"the {bus.kind} {name}: {ready.message}")
    return None
