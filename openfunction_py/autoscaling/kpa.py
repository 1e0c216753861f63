"""Knative's Pod Autoscaler decision: the count of instances that measured load asks for.

Decides only; bounds, scale to zero and the write are `scale_to_zero` and the caller's.
Formulas: Knative pkg/autoscaler/scaling/autoscaler.go.
"""

import math
from dataclasses import dataclass

from openfunction_py.autoscaling.spec import Spec
from openfunction_py.autoscaling.windows import SlidingMax

UNKNOWN = -1
TICK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What was measured: ready instances and the window averages summed over the revision.

    `stable` and `panic` are None when nothing was measured for a whole window.
    """

    ready: int
    stable: float | None = None
    panic: float | None = None
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """What one decision hands to the next."""

    panic_since: float | None = None
    panic_count: int = 0
    delay: SlidingMax | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The desired count (-1: nothing known, change nothing), the spare burst capacity, and the next state."""

    desired: int
    excess_burst: int
    panicking: bool
    state: State


def start(spec: Spec, *, ready: int, now: float) -> State:
    """Return the state of a new autoscaler; beside several instances it starts in panic, so that none is lost."""
    delay = SlidingMax.over(spec.scale_down_delay) if spec.scale_down_delay > 0 else None
    return State(panic_since=now if ready > 1 else None, panic_count=max(0, ready), delay=delay)


def initial_burst(spec: Spec) -> int:
    """Return the excess burst capacity before the first decision."""
    if spec.target_burst_capacity <= 0:
        return int(spec.target_burst_capacity)
    return int(spec.initial_scale * spec.total_value - spec.target_burst_capacity)


def decide(spec: Spec, observed: Observed, previous: State, now: float) -> Decision:
    """Return the desired count of instances for what was observed at a time in seconds."""
    if observed.stable is None or observed.panic is None:
        return Decision(UNKNOWN, UNKNOWN, previous.panic_since is not None, previous)
    ready = max(1, observed.ready)
    by_panic = math.ceil(observed.panic / spec.target_value)
    stable = clamp(spec, observed, math.ceil(observed.stable / spec.target_value))
    panic = clamp(spec, observed, by_panic)
    over = by_panic / ready >= spec.panic_threshold
    since = panic_since(spec, previous, over=over, now=now)
    desired, most = stable, 0
    if since is not None:
        desired = most = max(stable, panic, previous.panic_count)
    elif previous.panic_since is None:
        most = previous.panic_count
    delay = with_delay(spec, previous.delay)
    if observed.reachable and delay is not None:
        delay = delay.record(now, desired)
        desired = delay.current
    return Decision(
        desired=desired,
        excess_burst=excess_burst(spec, observed.ready, observed.panic),
        panicking=since is not None,
        state=State(panic_since=since, panic_count=most, delay=delay),
    )


def clamp(spec: Spec, observed: Observed, wanted: int) -> int:
    """Return a wanted count within the rates of change, raised to the activation scale when there is load."""
    ready = max(1, observed.ready)
    highest = math.ceil(spec.max_scale_up_rate * ready)
    lowest = math.floor(ready / spec.max_scale_down_rate) if observed.reachable else 0
    count = min(max(wanted, lowest), highest)
    return max(count, spec.activation_scale) if wanted > 0 and spec.activation_scale > 1 else count


def panic_since(spec: Spec, previous: State, *, over: bool, now: float) -> float | None:
    """Return since when there is panic: begun or extended now, kept, or over after a calm stable window."""
    if over:
        return now
    if previous.panic_since is not None and previous.panic_since + spec.stable_window < now:
        return None
    return previous.panic_since


def with_delay(spec: Spec, delay: SlidingMax | None) -> SlidingMax | None:
    """Return the delay window of the spec; unlike Knative, a changed delay takes effect at once and keeps its past."""
    if spec.scale_down_delay <= 0:
        return None
    fresh = SlidingMax.over(spec.scale_down_delay)
    if delay is None or delay.slots == fresh.slots:
        return delay or fresh
    return SlidingMax(fresh.slots, delay.entries)


def excess_burst(spec: Spec, ready: int, panic: float) -> int:
    """Return how much more load the ready instances take before the gateway must buffer; -1 means always."""
    if spec.target_burst_capacity == 0:
        return 0
    if spec.target_burst_capacity < 0:
        return UNKNOWN
    return math.floor(ready * spec.total_value - spec.target_burst_capacity - panic)
