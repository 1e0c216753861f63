"""What was measured for each Revision, and the last decision it led to.

Measurements are no objects: they may be lost, and after a restart each Revision starts anew.
"""

from __future__ import annotations

from typing import Literal

from openfunction_py.autoscaling import kpa, scale_to_zero, spec, windows
from openfunction_py.controller import types
from openfunction_py.wire import messages

# A timer may fire a little early; a tick that close to its time is that tick.
SLACK = 0.05


class Tracker:
    """One Revision: its windows, its autoscaler's state and when it last changed."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._measures: dict[str, windows.Measure] = {}
        self._lengths = (60.0, 6.0)
        self._algorithm: Literal["linear", "weighted-exponential"] = "linear"
        self._state: kpa.State | None = None
        self._ticked: float | None = None
        self._fresh = False
        self._activity: tuple[scale_to_zero.Activity, float] | None = None
        self.decision: kpa.Decision | None = None

    def record(self, *, now: float, concurrency: float, requests: float) -> None:
        """Add what one source measured over the last second."""
        self._measure("concurrency").record(now, concurrency)
        self._measure("rps").record(now, requests)
        self._fresh = self._fresh or concurrency > 0

    def _measure(self, metric: str) -> windows.Measure:
        if metric not in self._measures:
            stable, panic = self._lengths
            self._measures[metric] = windows.Measure(
                stable_window=stable, panic_window=panic, algorithm=self._algorithm
            )
        return self._measures[metric]

    def _fit(self, wanted: spec.Spec) -> None:
        """Give the windows the lengths that are asked for now, keeping what they hold."""
        self._lengths = (wanted.stable_window, wanted.panic_window)
        if wanted.aggregation != self._algorithm:
            self._algorithm = wanted.aggregation
            self._measures.clear()
        for one in self._measures.values():
            one.stable.resize(wanted.stable_window)
            one.panic.resize(wanted.panic_window)

    def decide(self, wanted: spec.Spec, *, ready: int, reachable: bool, now: float) -> kpa.Decision:
        """The decision in force; a new one each two seconds, and at once for load that finds nothing."""
        if self._state is None:
            self._state = kpa.start(wanted, ready=ready, now=now)
        if self.decision is not None and not self._due(now):
            return self.decision
        self._fit(wanted)
        if ready > 0:
            # Instances at rest say nothing, and that is a measurement: no load.
            self.record(now=now, concurrency=0.0, requests=0.0)
        averages = self._measure(wanted.metric).averages(now)
        stable, panic = averages or (None, None)
        observed = kpa.Observed(ready=ready, stable=stable, panic=panic, reachable=reachable)
        first = self.decision is None
        self.decision = kpa.decide(wanted, observed, self._state, now)
        if first and averages is None:
            burst = kpa.initial_burst(wanted)
            self.decision = kpa.Decision(kpa.UNKNOWN, burst, self.decision.panicking, self.decision.state)
        self._state, self._ticked, self._fresh = self.decision.state, now, False
        return self.decision

    def _due(self, now: float) -> bool:
        if self._ticked is None or now - self._ticked >= kpa.TICK_SECONDS - SLACK:
            return True
        return self._fresh and (self.decision is None or self.decision.desired <= 0)

    def next_tick(self, now: float) -> float:
        """Seconds until the next decision."""
        return max(SLACK, (self._ticked or now) + kpa.TICK_SECONDS - now)

    def lasted(self, activity: scale_to_zero.Activity, *, now: float, by_clock: float) -> float:
        """Seconds for which the activity has been what it is.

        What was seen to change is measured here; otherwise the object's own times count (``by_clock``), except
        that an active Revision is given a whole window again after a restart, which forgot its load.
        """
        if self._activity is None:
            active = activity is scale_to_zero.Activity.ACTIVE
            self._activity = (activity, now if active else now - by_clock)
        elif self._activity[0] is not activity:
            self._activity = (activity, now)
        return now - self._activity[1]


class Measurements:
    """Trackers by Revision."""

    def __init__(self) -> None:
        """Know no Revision."""
        self._trackers: dict[types.Request, Tracker] = {}

    def __len__(self) -> int:
        """How many Revisions are followed."""
        return len(self._trackers)

    def of(self, revision: types.Request) -> Tracker:
        """The tracker of a Revision, made when it is first asked for."""
        return self._trackers.setdefault(revision, Tracker())

    def forget(self, revision: types.Request) -> None:
        """Drop a Revision that is gone."""
        self._trackers.pop(revision, None)

    def record(self, load: messages.Load, *, now: float) -> None:
        """Add one report; proxied requests are counted where they are held."""
        if not load.proxied:
            tracker = self.of(types.Request(load.namespace, load.revision))
            tracker.record(now=now, concurrency=load.concurrency, requests=load.requests)
