"""Bounds, the way to zero and the Active condition, one row per behaviour; and the defaults on fake time."""

import dataclasses
from dataclasses import dataclass

import pytest

from openfunction_py.autoscaling import kpa, scale_to_zero
from openfunction_py.autoscaling.kpa import Observed
from openfunction_py.autoscaling.scale_to_zero import Activity, Outcome, Situation
from openfunction_py.autoscaling.spec import Spec
from openfunction_py.autoscaling.windows import Measure

ACTIVE, ACTIVATING, INACTIVE = Activity.ACTIVE, Activity.ACTIVATING, Activity.INACTIVE
WIDE = Spec(min_scale=2, max_scale=5)
KEEP = Spec(enable_scale_to_zero=False)
RETAINED = Spec(retention_period=50)
ALWAYS = Spec(target_burst_capacity=-1)


def at(activity: Activity, lasted: float = 0, **more: object) -> Situation:
    return Situation(activity, lasted, **{"initialized": True, **more})  # type: ignore[arg-type] # named fields


@pytest.mark.parametrize(
    ("sentence", "spec", "desired", "situation", "outcome"),
    [
        ("nothing known changes nothing", Spec(), -1, at(ACTIVE), Outcome(-1, None)),
        ("a first start gets its initial scale", Spec(), -1, Situation(ACTIVATING), Outcome(1, 1)),
        ("a larger initial scale holds", Spec(initial_scale=3), 1, Situation(ACTIVE), Outcome(3, 3)),
        ("once reached it holds no more", Spec(initial_scale=3), 1, at(ACTIVE), Outcome(1, 1)),
        ("the minimum holds", WIDE, 0, at(ACTIVE, 99), Outcome(2, 2)),
        ("the maximum holds", WIDE, 9, at(ACTIVE), Outcome(5, 5)),
        ("unreachable has no minimum", WIDE, 1, at(ACTIVE, reachable=False), Outcome(1, 1)),
        ("zero may be forbidden", KEEP, 0, at(INACTIVE, 999), Outcome(1, 1)),
        ("an activation goes on", Spec(), 0, at(ACTIVATING, 10), Outcome(-1, None, 620)),
        ("a failed activation ends", Spec(), 0, at(ACTIVATING, 630), Outcome(0, 0)),
        ("active for less than a window holds one", Spec(), 0, at(ACTIVE, 20), Outcome(1, 1, 40)),
        ("active for a window becomes inactive first", Spec(), 0, at(ACTIVE, 60), Outcome(0, None)),
        (
            "no gateway in the path waits",
            Spec(),
            0,
            at(INACTIVE, 99, gateway_ready=False),
            Outcome(0, None, 1),
        ),
        ("always proxied needs no probe", ALWAYS, 0, at(INACTIVE, 30, gateway_ready=False), Outcome(0, 0)),
        ("inactive for the grace stops", Spec(), 0, at(INACTIVE, 30), Outcome(0, 0)),
        ("inactive for less waits the rest", Spec(), 0, at(INACTIVE, 10), Outcome(0, None, 20)),
        ("proxied for the grace is fast", Spec(), 0, at(INACTIVE, 1, proxied_for=30), Outcome(0, 0)),
        ("proxied for less waits less", Spec(), 0, at(INACTIVE, 1, proxied_for=25), Outcome(0, None, 5)),
        ("retention holds beyond grace", RETAINED, 0, at(INACTIVE, 40, proxied_for=40), Outcome(0, None, 10)),
        ("retention ends", RETAINED, 0, at(INACTIVE, 50), Outcome(0, 0)),
        ("unreachable retains nothing", RETAINED, 0, at(INACTIVE, 30, reachable=False), Outcome(0, 0)),
    ],
)
def test_what_is_applied(
    sentence: str, spec: Spec, desired: int, situation: Situation, outcome: Outcome
) -> None:
    assert scale_to_zero.apply(spec, desired, situation) == outcome, sentence


@pytest.mark.parametrize(
    ("want", "ready", "situation", "activity", "reason"),
    [
        (0, 0, at(ACTIVATING), INACTIVE, "TimedOut"),
        (0, 1, at(ACTIVE), INACTIVE, "NoTraffic"),
        (1, 0, at(INACTIVE), ACTIVATING, "Queued"),
        (1, 1, at(ACTIVATING), ACTIVE, ""),
        (-1, 0, at(INACTIVE), INACTIVE, "NoTraffic"),
        (-1, 1, at(INACTIVE), INACTIVE, "NoTraffic"),
        (-1, 1, at(ACTIVE), ACTIVE, ""),
        (-1, 0, at(ACTIVE), ACTIVATING, "Queued"),
    ],
)
def test_the_active_condition(
    want: int, ready: int, situation: Situation, activity: Activity, reason: str
) -> None:
    active = scale_to_zero.active(Spec(), situation, want=want, ready=ready)
    assert (active.activity, active.reason) == (activity, reason)


def test_a_zero_initial_scale_is_idle_without_having_started() -> None:
    active = scale_to_zero.active(Spec(initial_scale=0), Situation(), want=-1, ready=0)
    assert (active.activity, active.reason, active.initialized) == (INACTIVE, "NoTraffic", True)


@pytest.mark.parametrize(
    ("want", "excess", "activity", "mode"),
    [
        (1, 0, ACTIVE, "Serve"),
        (1, -1, ACTIVE, "Proxy"),
        (0, 5, INACTIVE, "Proxy"),
        (-1, 5, INACTIVE, "Proxy"),
    ],
)
def test_the_mode_of_the_path(want: int, excess: int, activity: Activity, mode: str) -> None:
    assert scale_to_zero.mode(want, excess, activity) == mode


@dataclass
class Platform:
    """A revision on fake time: measures, decides every two seconds, and applies at once."""

    spec: Spec
    now: float = 0.0
    replicas: int = 1
    situation: Situation = dataclasses.field(default_factory=Situation)
    changed: float = 0.0

    def __post_init__(self) -> None:
        self.measure = Measure(stable_window=self.spec.stable_window, panic_window=self.spec.panic_window)
        self.state = kpa.start(self.spec, ready=0, now=0)

    def run(self, seconds: int, load: float) -> None:
        for _ in range(seconds):
            self.now += 1
            self.measure.record(self.now, load)
            if self.now % kpa.TICK_SECONDS == 0:
                self.tick()

    def tick(self) -> None:
        stable, panic = self.measure.averages(self.now) or (None, None)
        decision = kpa.decide(self.spec, Observed(self.replicas, stable, panic), self.state, self.now)
        self.state = decision.state
        here = dataclasses.replace(self.situation, lasted=self.now - self.changed)
        outcome = scale_to_zero.apply(self.spec, decision.desired, here)
        self.replicas = self.replicas if outcome.replicas is None else outcome.replicas
        active = scale_to_zero.active(self.spec, here, want=outcome.want, ready=self.replicas)
        self.changed = self.changed if active.activity is here.activity else self.now
        self.situation = dataclasses.replace(here, activity=active.activity, initialized=active.initialized)


def test_the_default_settings_from_load_to_zero_on_fake_time() -> None:
    platform = Platform(Spec())
    platform.run(60, load=500)
    assert platform.replicas == 8
    platform.run(58, load=0)
    assert platform.replicas >= 1
    assert platform.situation.activity is ACTIVE
    idle_from = 60.0
    while platform.replicas:
        platform.run(1, load=0)
        assert platform.now < idle_from + 240
    assert platform.now - idle_from >= 60 + 30
    assert platform.situation.activity is INACTIVE
