"""What was measured for each object that scales, and what its HPA remembers.

Measurements are no objects: they may be lost, and after a restart each object starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from openfunction_py.autoscaling import hpa, keda
from openfunction_py.autoscaling.scalers import Reading
from openfunction_py.controller.types import Request


@dataclass(slots=True)
class Memory:
    """One object: when it was looked at, whether word of work came since, failures by metric, the HPA's past.

    `ready` are Pods of a workload, or Jobs that run.
    """

    polled: float | None = None
    synced: float | None = None
    woken: bool = False
    poked: bool = False
    generation: int = 0
    ready: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    hpa: hpa.State = field(default_factory=hpa.State)
    made: set[str] = field(default_factory=set)  # Jobs that the cache may not show yet
    polled_readings: dict[str, Reading | str] = field(
        default_factory=dict
    )  # of the last poll, or why there is none

    def poll_due(self, now: float, interval: float, generation: int) -> bool:
        """Whether the operator's look is due: its time has come, work was announced, or the object changed."""
        fresh = self.polled is None or self.poked or self.woken or generation != self.generation
        return fresh or now - (self.polled or 0.0) >= interval - SLACK

    def saw_ready(self, ready: int) -> bool:
        """Note how many are ready; whether that is news."""
        before, self.ready = self.ready, ready
        return before != ready

    def lost_some(self, running: int) -> bool:
        """Note how many run; whether they have become fewer."""
        before, self.ready = self.ready, running
        return running < before

    def sync_due(self, now: float) -> bool:
        """Whether the HPA's look is due."""
        return self.synced is None or now - self.synced >= hpa.SYNC_PERIOD - SLACK


class Memories:
    """A Memory for each object; `again` is told which object to look at when word of work comes."""

    def __init__(self) -> None:
        """Nothing was measured yet."""
        self._known: dict[Request, Memory] = {}
        self.again: Callable[[Request], None] | None = None

    def of(self, request: Request) -> Memory:
        """The Memory of an object, a new one at first."""
        return self._known.setdefault(request, Memory())

    def drop(self, request: Request) -> None:
        """The object is gone."""
        self._known.pop(request, None)

    def woken(self, request: Request, came: bool) -> None:  # noqa: FBT001 - a callback's second value
        """A message came, or the listening for one just began: look again."""
        memory = self.of(request)
        memory.woken, memory.poked = memory.woken or came, True
        if self.again is not None:
            self.again(request)


# A timer may fire a little early; a look that close to its time is that look.
SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """All triggers of one look: readings by metric, and why others could not be read."""

    readings: Mapping[str, Reading]
    kinds: Mapping[str, str]
    problems: Mapping[str, str]
    always: bool = False

    @property
    def active(self) -> bool:
        """Whether any trigger asks for a replica, or there is none that could ever say no."""
        return self.always or any(one.active for one in self.readings.values())

    @property
    def failed(self) -> bool:
        """Whether a trigger could not be read."""
        return bool(self.problems)

    @property
    def sentence(self) -> str:
        """Why triggers could not be read."""
        return "; ".join(f"{name}: {text}" for name, text in self.problems.items())


def metrics(
    seen: Seen,
    memory: Memory,
    fallback: keda.Fallback | None,
    *,
    replicas: int,
    ready: int,
    targets: Mapping[str, float],
) -> list[hpa.Metric]:
    """What the HPA is given: values as KEDA exports them, the fallback's where a metric failed too often."""
    found = []
    for name, kind in seen.kinds.items():
        reading = seen.readings.get(name)
        if reading is not None:
            found.append(hpa.Metric(keda.exported(reading.value), reading.target, kind))
        elif (
            fallback is not None
            and keda.stands_in(fallback, memory.failures.get(name, 0))
            and (ready or kind != "Value")
        ):
            target = targets.get(name, 1.0)
            whole = keda.fallback_metric(
                fallback, target=target, current=replicas, ready=ready if kind == "Value" else None
            )
            found.append(hpa.Metric(whole, target, kind))
        else:
            found.append(hpa.Metric(None, 1.0, kind))
    return found
