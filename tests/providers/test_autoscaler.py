"""From measured load to a Deployment's scale, on fake time and with Knative's default settings."""

from __future__ import annotations

from typing import Any, cast

import pytest

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core, knative
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.providers.knative import autoscalers, measurements
from openfunction_py.wire import messages
from tests.providers import memory

KEY = types.Request("n", "r")


class Desk:
    """One Revision's autoscaler: time moves in seconds, timers fire, instances become ready at once."""

    def __init__(self, **annotations: str) -> None:
        """Start with the Deployment at its initial scale and nothing ready."""
        self.memory = memory.Memory()
        self.measured = measurements.Measurements()
        self.manager = cast("managers.Manager", self.memory)
        self.starts = True
        self.due: float | None = 0.0
        self.restart()
        prefix = "autoscaling.knative.dev/"
        metadata = {
            "name": "r",
            "namespace": "n",
            "annotations": {prefix + key.replace("_", "-"): value for key, value in annotations.items()},
        }
        target = {"kind": "Deployment", "name": "r-deployment"}
        scaler = {"metadata": metadata, "spec": {"scaleTargetRef": target}}
        self.memory.put(autoscaling.PodAutoscaler.model_validate(scaler))
        deployment = {"metadata": {"name": "r-deployment", "namespace": "n"}, "spec": {"replicas": 1}}
        self.memory.put(apps.Deployment.model_validate(deployment))

    def restart(self) -> None:
        """Forget every measurement, as a restarted control process does."""
        self.measured = measurements.Measurements()
        self.reconciler = autoscalers.Reconciler(self.manager, self.measured)
        self.listener = autoscalers.Listener(self.manager, self.measured, lambda _: self.wake())

    def wake(self) -> None:
        """Let the controller look now."""
        self.due = self.memory.clock.monotonic()

    @property
    def scale(self) -> int:
        """Replicas asked for."""
        return self.deployment.spec.replicas or 0

    @property
    def deployment(self) -> apps.Deployment:
        """The Deployment as it is."""
        found = self.memory.lister(apps.Deployment).get("n", "r-deployment")
        assert found is not None
        return found

    @property
    def scaler(self) -> autoscaling.PodAutoscaler:
        """The PodAutoscaler as it is."""
        found = self.memory.lister(autoscaling.PodAutoscaler).get(*KEY)
        assert found is not None
        return found

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = meta.find_condition(self.scaler.status.conditions, kind)
        return (found.status, found.reason) if found else ("", "")

    def lose(self) -> None:
        """Let no traffic reach the Revision any more."""
        body = self.scaler.to_wire()
        body["spec"]["reachability"] = "Unreachable"
        self.memory.put(autoscaling.PodAutoscaler.model_validate(body))

    async def second(self, load: float = 0.0) -> None:
        """One second with this load, then every look that is due."""
        if load:
            self.listener.take(messages.Load("instance", "n", "r", concurrency=load, requests=round(load)))
        await self.look()
        self.memory.clock.advance(1.0)
        await self.look()

    async def look(self) -> None:
        """Reconcile while a look is due, and let the Deployment follow its spec."""
        for _ in range(5):
            if self.due is None or self.due > self.memory.clock.monotonic():
                return
            result = await self.reconciler.reconcile(KEY)
            after = result.requeue_after
            self.due = None if after is None else self.memory.clock.monotonic() + after
            if self.starts and self.deployment.status.ready_replicas != self.scale:
                status = {"readyReplicas": self.scale, "availableReplicas": self.scale}
                body = {**self.deployment.to_wire(), "status": status}
                self.memory.put(apps.Deployment.model_validate(body))
                self.wake()

    async def seconds(self, count: int, load: float = 0.0) -> None:
        """Some seconds of the same load."""
        for _ in range(count):
            await self.second(load)


async def test_the_first_instance_makes_a_revision_active() -> None:
    desk = Desk()
    await desk.seconds(3)
    assert desk.condition("Active") == ("True", "")
    assert desk.condition("ScaleTargetInitialized") == ("True", "")
    assert (desk.scaler.status.desired_scale, desk.scaler.status.actual_scale) == (1, 1)


async def test_with_default_settings_an_idle_revision_goes_to_zero_after_its_window() -> None:
    desk = Desk()
    await desk.seconds(20, load=3.0)
    await desk.seconds(58)
    assert desk.scale == 1
    await desk.seconds(35)
    assert desk.scale == 0
    assert desk.condition("Active") == ("False", "NoTraffic")


async def test_a_revision_at_zero_sets_no_timer() -> None:
    desk = Desk(window="6s")
    await desk.seconds(60)
    assert (desk.scale, desk.due) == (0, None)


async def test_load_at_zero_scales_up_within_the_same_second() -> None:
    desk = Desk(window="6s")
    await desk.seconds(60)
    desk.listener.take(messages.Load("gateway", "n", "r", concurrency=1.0, requests=1))
    await desk.look()
    assert desk.scale == 1


async def test_load_beyond_the_target_adds_instances() -> None:
    desk = Desk(target="10")
    await desk.seconds(30, load=35.0)
    assert desk.scale == 5


async def test_requests_per_second_count_when_they_are_the_metric() -> None:
    desk = Desk(metric="rps", target="10")
    await desk.seconds(30, load=21.0)
    assert desk.scale == 3


async def test_bounds_hold() -> None:
    desk = Desk(target="10", min_scale="2", max_scale="3", window="6s")
    await desk.seconds(30, load=500.0)
    assert desk.scale == 3
    await desk.seconds(120)
    assert desk.scale == 2


async def test_an_unreachable_revision_ignores_its_minimum() -> None:
    desk = Desk(min_scale="2", window="6s")
    await desk.seconds(20)
    assert desk.scale == 2
    desk.lose()
    await desk.seconds(60)
    assert desk.scale == 0


async def test_zero_is_never_decided_while_an_activation_is_under_way() -> None:
    desk = Desk(window="6s")
    await desk.seconds(60)
    desk.starts = False
    await desk.second(load=1.0)
    body = {**desk.deployment.to_wire(), "status": {"readyReplicas": 0}}
    desk.memory.put(apps.Deployment.model_validate(body))
    await desk.seconds(120)
    assert (desk.scale, desk.condition("Active")[0]) == (1, "Unknown")


async def test_an_activation_that_never_succeeds_is_given_up_after_its_deadline() -> None:
    desk = Desk(window="6s")
    desk.starts = False
    await desk.seconds(600)
    desk.lose()  # as its Revision does when the Deployment stands still for too long
    await desk.seconds(20)
    assert desk.scale == 1
    await desk.seconds(20)
    assert desk.scale == 0
    assert desk.condition("Active") == ("False", "TimedOut")


async def test_a_restart_never_scales_a_busy_revision_down() -> None:
    desk = Desk(target="10", window="6s")
    await desk.seconds(30, load=35.0)
    desk.restart()
    await desk.seconds(4)
    assert desk.scale == 5


async def test_a_restart_gives_the_last_instance_a_window_again() -> None:
    desk = Desk()
    await desk.seconds(300, load=1.0)
    desk.restart()
    desk.wake()
    await desk.seconds(50)
    assert desk.scale == 1


async def test_load_just_before_the_last_instance_stops_keeps_it() -> None:
    settings = {"scale-to-zero-grace-period": "30s", "target-burst-capacity": "0"}
    desk = Desk(window="6s")
    configure(desk, settings)
    await desk.seconds(20, load=1.0)
    while desk.condition("Active")[0] == "True":
        await desk.second()
    await desk.seconds(5)
    assert desk.scale == 1
    desk.listener.take(messages.Load("gateway", "n", "r", concurrency=1.0, requests=1))
    desk.wake()
    await desk.seconds(30, load=1.0)
    assert (desk.scale, desk.condition("Active")[0]) == (1, "True")


def configure(desk: Desk, data: dict[str, str]) -> None:
    """Write the platform's settings."""
    metadata = {"name": "config-autoscaler", "namespace": "knative-serving"}
    desk.memory.put(core.ConfigMap.model_validate({"metadata": metadata, "data": data}))


async def test_changed_settings_are_in_force_at_the_next_look() -> None:
    desk = Desk()
    configure(desk, {"enable-scale-to-zero": "false"})
    await desk.seconds(200)
    assert desk.scale == 1
    configure(desk, {"stable-window": "6s"})
    desk.wake()
    await desk.seconds(60)
    assert desk.scale == 0


async def test_settings_that_cannot_be_used_leave_those_before_in_force() -> None:
    desk = Desk()
    configure(desk, {"enable-scale-to-zero": "false"})
    await desk.seconds(5)
    configure(desk, {"stable-window": "1s"})
    await desk.seconds(200)
    assert desk.scale == 1


async def test_a_steady_revision_is_looked_at_and_not_written() -> None:
    desk = Desk()
    await desk.seconds(10, load=1.0)
    desk.memory.writes.clear()
    await desk.seconds(20, load=1.0)
    assert desk.memory.writes == []


async def test_the_serverless_service_serves_once_there_is_capacity_to_spare() -> None:
    desk = Desk(target_burst_capacity="0", window="6s")
    await desk.seconds(10, load=1.0)
    assert mode(desk) == "Serve"
    await desk.seconds(60)
    assert mode(desk) == "Proxy"


def mode(desk: Desk) -> str:
    """Mode of the ServerlessService."""
    found = desk.memory.lister(knative.ServerlessService).get(*KEY)
    assert found is not None
    return found.spec.mode


@pytest.mark.parametrize("proxied", [True, False])
async def test_a_request_is_counted_once(proxied: Any) -> None:
    desk = Desk(target="10")
    await desk.seconds(3)
    load = messages.Load("instance", "n", "r", concurrency=35.0, requests=35, proxied=proxied)
    for _ in range(30):
        desk.listener.take(load)
        await desk.second()
    assert desk.scale == (1 if proxied else 5)


async def test_load_of_a_revision_that_nobody_knows_is_forgotten() -> None:
    desk = Desk()
    desk.listener.take(messages.Load("gateway", "n", "other", concurrency=1.0, requests=1))
    assert len(desk.measured) == 0
