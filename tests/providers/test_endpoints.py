"""Which Pods a Service offers, and how."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api.upstream import core
from openfunction_py.providers.workloads import endpoints, victims


def service(**spec: Any) -> core.Service:
    """A Service on port 80 for the containers' port `user-port`."""
    ports = [{"name": "http", "port": 80, "targetPort": "user-port"}]
    return core.Service.model_validate(
        {
            "metadata": {"name": "s", "namespace": "n", "uid": "u", "labels": {"app": "a"}},
            "spec": {"selector": {"app": "a"}, "ports": ports, **spec},
        }
    )


def pod(
    name: str = "p",
    *,
    ready: bool = True,
    deleting: bool = False,
    port: int = 8080,
    address: str = "127.1.1.1",
    created: str = "2026-01-01T00:00:00Z",
    phase: str = "Running",
) -> core.Pod:
    """A Pod in some state."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "n",
        "uid": f"u-{name}",
        "creationTimestamp": created,
    }
    if deleting:
        metadata["deletionTimestamp"] = created
    ports = [{"name": "user-port", "containerPort": port}]
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return core.Pod.model_validate(
        {
            "metadata": metadata,
            "spec": {"nodeName": "local", "containers": [{"name": "c", "ports": ports}]},
            "status": {"phase": phase, "podIP": address, "conditions": conditions},
        }
    )


@pytest.mark.parametrize(
    ("ready", "deleting", "expected"),
    [
        (True, False, {"ready": True, "serving": True, "terminating": False}),
        (False, False, {"ready": False, "serving": False, "terminating": False}),
        (True, True, {"ready": False, "serving": True, "terminating": True}),
        (False, True, {"ready": False, "serving": False, "terminating": True}),
    ],
)
def test_a_pod_that_is_going_is_not_ready_whatever_it_says(
    ready: bool, deleting: bool, expected: dict[str, bool]
) -> None:
    assert endpoints.make_endpoint(service(), pod(ready=ready, deleting=deleting))["conditions"] == expected


def test_a_slice_carries_the_services_labels_and_the_resolved_port() -> None:
    (made,) = endpoints.make_slices(service(), [pod()])
    assert made.metadata.labels["app"] == "a"
    assert made.metadata.labels["kubernetes.io/service-name"] == "s"
    assert [(one.name, one.port) for one in made.ports] == [("http", 8080)]
    assert [one.addresses for one in made.endpoints] == [["127.1.1.1"]]


def test_pods_without_an_address_and_finished_ones_are_left_out() -> None:
    (made,) = endpoints.make_slices(service(), [pod(address=""), pod(phase="Failed")])
    assert made.endpoints == []


def test_pods_of_different_ports_have_a_slice_each() -> None:
    made = endpoints.make_slices(service(), [pod("a", port=1001), pod("b", port=1002)])
    assert [[port.port for port in one.ports] for one in made] == [[1001], [1002]]
    assert len({one.metadata.name for one in made}) == 2


def test_more_than_a_hundred_pods_are_spread_over_slices() -> None:
    made = endpoints.make_slices(service(), [pod(f"p{number}") for number in range(101)])
    assert [len(one.endpoints) for one in made] == [100, 1]


def test_a_service_without_pods_has_one_empty_slice_of_the_same_name_each_time() -> None:
    (first,) = endpoints.make_slices(service(), [])
    (second,) = endpoints.make_slices(service(), [])
    assert first.to_wire() == second.to_wire()
    assert first.endpoints == []


def test_going_to_zero_empties_the_slice_that_is_there() -> None:
    (used,) = endpoints.make_slices(service(), [pod()])
    (empty,) = endpoints.make_slices(service(), [], before=[used])
    assert (empty.metadata.name, empty.endpoints, empty.ports) == (used.metadata.name, [], used.ports)


def test_a_slice_that_is_the_same_is_not_written_again() -> None:
    (made,) = endpoints.make_slices(service(), [pod()])
    (gone,) = endpoints.make_slices(service(), [pod(deleting=True)])
    assert not endpoints.differs(made, made)
    assert endpoints.differs(made, gone)


def test_pods_that_are_not_ready_go_first_and_then_the_youngest() -> None:
    old = pod("old", created="2026-01-01T00:00:00Z")
    young = pod("young", created="2026-01-02T00:00:00Z")
    starting = pod("starting", ready=False, created="2025-01-01T00:00:00Z")
    nowhere = pod("nowhere", ready=False, address="", created="2025-01-01T00:00:00Z")
    chosen = victims.choose([old, starting, young, nowhere], count=3)
    assert [one.metadata.name for one in chosen] == ["nowhere", "starting", "young"]


def test_a_cheaper_pod_goes_before_a_younger_one() -> None:
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    old = pod("old")
    cheap = old.model_copy(update={"metadata": old.metadata.model_copy(update={"annotations": cost})})
    young = pod("young", created="2026-01-02T00:00:00Z")
    assert [one.metadata.annotations for one in victims.choose([young, cheap], count=1)] == [cost]
