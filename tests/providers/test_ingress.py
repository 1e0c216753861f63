"""A Route is ready once the gateways have it: what counts as their word, and what becomes of it without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.providers.knative import ingress
from openfunction_py.wire.messages import Routes
from tests.providers import house as houses
from tests.providers.test_chain import FIRST, KSVC, SECOND, is_ready, service

NEW = [knative.TrafficTarget(revision_name="b", percent=100)]
HELD = {"u": "b,100,"}


def route(*, status: str = "Unknown", revision: str = "b") -> knative.Route:
    """A Route with its traffic and its word about the gateway."""
    condition = {"type": ingress.KIND, "status": status}
    traffic = [{"revisionName": revision, "percent": 100}]
    return knative.Route.model_validate(
        {"metadata": {"name": "r", "uid": "u"}, "status": {"conditions": [condition], "traffic": traffic}}
    )


def told(*messages: Routes) -> ingress.Acknowledged:
    """What these messages amount to."""
    said = ingress.Acknowledged()
    for one in messages:
        said.take(one)
    return said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((), "NoGateway"),
        ((Routes("g", {}, whole=True),), "GatewayPending"),
        ((Routes("g", {"u": "a,100,"}, whole=True),), "GatewayPending"),
        ((Routes("g", HELD, whole=True),), ""),
        ((Routes("g", {}, whole=True), Routes("g", HELD)), ""),
        ((Routes("g", HELD, whole=True), Routes("h", {}, whole=True)), "GatewayPending"),
        ((Routes("g", HELD, whole=True), Routes("h", {}, whole=True), Routes("h", gone=True)), ""),
        ((Routes("g", HELD, whole=True), Routes("g", {}, whole=True)), "GatewayPending"),
        ((Routes("g", HELD, whole=True), Routes(gone=True)), "NoGateway"),
    ],
)
def test_every_connected_gateway_must_have_the_traffic(said: tuple[Routes, ...], reason: str) -> None:
    verdict = told(*said).verdict(route(), NEW)
    assert (verdict.status, verdict.reason) == ("Unknown" if reason else "True", reason)


def test_what_was_programmed_stays_so_without_a_gateway_and_new_traffic_waits() -> None:
    nobody = told(Routes(gone=True))
    assert nobody.verdict(route(status="True"), NEW).status == "True"
    assert nobody.verdict(route(status="True", revision="a"), NEW).reason == "NoGateway"


async def test_a_service_is_ready_when_the_gateway_has_its_route_and_stays_so_when_the_gateway_dies(
    tmp_path: Path,
) -> None:
    async with houses.open_house(tmp_path, gateways=True) as house:
        await house.client.apply(service(), manager="test")
        waiting = await house.until(
            knative.KnativeService, KSVC, lambda one: "no gateway runs" in ready_of(one).message
        )
        assert ready_of(waiting).status == "Unknown"
        found = await house.until(knative.Route, KSVC, lambda one: bool(one.status.traffic))
        house.said.put_nowait(Routes("g", {found.metadata.uid or "": f"{FIRST},100,"}, whole=True))
        await house.until(knative.KnativeService, KSVC, is_ready)
        house.said.put_nowait(Routes("g", gone=True))
        await house.client.apply(service("hello@sha256:2"), manager="test")
        later = await house.until(
            knative.Route, KSVC, lambda one: [each.revision_name for each in one.status.traffic] == [SECOND]
        )
        condition = meta.find_condition(later.status.conditions, ingress.KIND)
        assert condition is not None
        assert (condition.status, condition.reason) == ("Unknown", "NoGateway")


def ready_of(one: knative.KnativeService) -> meta.Condition:
    """The condition Ready, empty before it is there."""
    return meta.find_condition(one.status.conditions, "Ready") or meta.Condition(type="Ready", status="")
