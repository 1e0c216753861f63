"""From a decision to what is applied: scale bounds, initial scale, the way to zero, and the PodAutoscaler's Active.

Applies nothing itself; says the replicas to write (or none) and when to look again.
Rules: Knative pkg/reconciler/autoscaling/kpa/{scaler,kpa}.go.
"""

from dataclasses import dataclass
from enum import StrEnum

from openfunction_py.autoscaling import kpa
from openfunction_py.autoscaling.spec import Spec

ACTIVATION_BUFFER = 30.0
PROBE_RETRY = 1.0


class Activity(StrEnum):
    """The PodAutoscaler's Active condition: True, Unknown, False."""

    ACTIVE = "active"
    ACTIVATING = "activating"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a revision stands: its Active condition and for how long, in seconds.

    `proxied_for` is how long the gateway has been in the path (None: it is not, or nobody knows);
    `gateway_ready` says that the gateway would hold a request now.
    """

    activity: Activity = Activity.ACTIVATING
    lasted: float = 0.0
    proxied_for: float | None = None
    gateway_ready: bool = True
    initialized: bool = False
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do: `want` is the count the status shows, `replicas` the one to write (None: leave it)."""

    want: int
    replicas: int | None
    requeue_after: float | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """The Active condition to write, and whether the scale target counts as initialized."""

    activity: Activity
    reason: str
    message: str
    initialized: bool


def bounds(spec: Spec, *, initialized: bool, reachable: bool) -> tuple[int, int]:
    """Return (min, max): an unreachable revision has no minimum, one never started has its initial scale."""
    low = spec.min_scale if reachable else 0
    if reachable and not initialized:
        low = max(low, spec.initial_scale)
    return low, spec.max_scale


def within(count: int, low: int, high: int) -> int:
    """Return a count within its bounds; a maximum of 0 is none."""
    count = max(count, low)
    return min(count, high) if high else count


def apply(spec: Spec, desired: int, situation: Situation) -> Outcome:
    """Return what to write for a desired count (-1: nothing known yet)."""
    if desired < 0 and situation.activity is not Activity.ACTIVATING:
        return Outcome(want=desired, replicas=None)
    low, high = bounds(spec, initialized=situation.initialized, reachable=situation.reachable)
    count = within(desired, low, high)
    if count > 0:
        return Outcome(want=count, replicas=count)
    if not spec.enable_scale_to_zero:
        return Outcome(want=1, replicas=1)
    return ON_THE_WAY[situation.activity](spec, situation)


def while_activating(spec: Spec, situation: Situation) -> Outcome:
    """Give up on an activation after its deadline, and change nothing before."""
    left = spec.progress_deadline + ACTIVATION_BUFFER - situation.lasted
    if left <= 0:
        return Outcome(want=0, replicas=0)
    return Outcome(want=kpa.UNKNOWN, replicas=None, requeue_after=left)


def while_active(spec: Spec, situation: Situation) -> Outcome:
    """Keep one instance for a stable window; then the condition goes first and the instance later."""
    left = spec.stable_window - situation.lasted
    if left > 0:
        return Outcome(want=1, replicas=1, requeue_after=left)
    return Outcome(want=0, replicas=None)


def while_inactive(spec: Spec, situation: Situation) -> Outcome:
    """Stop the last instance once the gateway would hold requests, after grace and retention.

    Grace bounds the wait for routing from above; once the gateway has been in the path for that long, or
    the revision has been inactive for both, the instance goes.
    """
    always_proxied = spec.target_burst_capacity == -1
    if not always_proxied and not situation.gateway_ready:
        return Outcome(want=0, replicas=None, requeue_after=PROBE_RETRY)
    retention = spec.retention_period if situation.reachable else 0.0
    if situation.lasted >= max(spec.grace_period, retention):
        return Outcome(want=0, replicas=0)
    if situation.lasted < retention:
        return Outcome(want=0, replicas=None, requeue_after=retention - situation.lasted)
    proxied = situation.proxied_for or 0.0
    if proxied >= spec.grace_period:
        return Outcome(want=0, replicas=0)
    left = spec.grace_period - max(proxied, situation.lasted)
    return Outcome(want=0, replicas=None, requeue_after=left)


ON_THE_WAY = {
    Activity.ACTIVATING: while_activating,
    Activity.ACTIVE: while_active,
    Activity.INACTIVE: while_inactive,
}


def mode(want: int, excess_burst: int, activity: Activity) -> str:
    """Return the ServerlessService's mode: Serve while instances have burst capacity to spare, else Proxy."""
    if want == 0 or (want < 0 and activity is Activity.INACTIVE) or excess_burst < 0:
        return "Proxy"
    return "Serve"


def active(spec: Spec, situation: Situation, *, want: int, ready: int) -> Active:
    """Return the Active condition for a wanted and a ready count (the table in computeActiveCondition)."""
    low = spec.min_scale if situation.reachable else 0
    least = max(low, 1) if situation.initialized else max(low, spec.initial_scale)
    initialized = situation.initialized or ready >= least
    now = situation.activity
    if want == 0 or (want == kpa.UNKNOWN and least == 0):
        if now is Activity.ACTIVATING and least > 0:
            return Active(
                Activity.INACTIVE, "TimedOut", "The target could not be activated in time.", initialized
            )
        return idle(initialized=initialized)
    if now is Activity.INACTIVE and want < 0:
        return idle(initialized=initialized)
    if ready < least:
        message = "Requests are held while instances are being started."
        return Active(Activity.ACTIVATING, "Queued", message, initialized)
    return Active(Activity.ACTIVE, "", "", initialized)


def idle(*, initialized: bool) -> Active:
    """Return the condition of a revision without traffic."""
    return Active(Activity.INACTIVE, "NoTraffic", "The target is not receiving traffic.", initialized)
