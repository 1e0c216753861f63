"""A Gateway: its addresses, and whether functions can use it."""

from __future__ import annotations

from openfunction_py.api.gateways import Gateway
from openfunction_py.api.upstream.gatewayapi import HttpGateway
from tests.reconcilers import play
from tests.reconcilers.world import World


def found(there: World) -> Gateway:
    """The default Gateway."""
    gateway = there.lister(Gateway).get("openfunction", "openfunction")
    assert gateway is not None
    return gateway


async def test_names_below_localhost_are_this_machine() -> None:
    there = play.world()
    await there.settle()
    status = found(there).status
    assert [one.value for one in status.addresses] == ["127.0.0.1"]
    assert [(one.type, one.status) for one in status.conditions] == [("Ready", "True")]


async def test_another_domain_waits_for_the_gateway_behind_it_and_takes_its_address() -> None:
    there = play.world()
    body = found(there).to_wire()
    body["spec"]["domain"] = "example.com"
    there.store(body)
    await there.settle()
    assert found(there).status.conditions[0].reason == "AddressPending"
    there.store(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "openfunction", "namespace": "openfunction"},
            "spec": {"gatewayClassName": "openfunction"},
            "status": {"addresses": [{"type": "IPAddress", "value": "192.0.2.7"}]},
        }
    )
    await there.settle()
    assert there.lister(HttpGateway).list()
    assert [one.value for one in found(there).status.addresses] == ["192.0.2.7"]


async def test_a_wrong_template_is_told_in_the_condition() -> None:
    there = play.world()
    body = found(there).to_wire()
    body["spec"]["hostTemplate"] = "{{.Nam}}"
    there.store(body)
    await there.settle()
    ready = found(there).status.conditions[0]
    assert (ready.status, ready.reason) == ("False", "InvalidTemplate")
