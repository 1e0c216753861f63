"""Which keys an object wakes."""

from __future__ import annotations

from openfunction_py.api.upstream.core import Pod
from openfunction_py.controller import watches
from openfunction_py.controller.types import Request

POD = Pod.model_validate(
    {
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "labels": {"function": "f"},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "1"},
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "2", "controller": True},
            ],
        }
    }
)


def test_itself() -> None:
    assert list(watches.by_self(POD)) == [Request("ns", "p")]


def test_its_controlling_owner_of_that_kind_alone() -> None:
    assert list(watches.by_owner("ReplicaSet")(POD)) == [Request("ns", "r")]
    assert list(watches.by_owner("Job")(POD)) == []


def test_what_a_label_names() -> None:
    assert list(watches.by_label("function")(POD)) == [Request("ns", "f")]
    assert list(watches.by_label("none")(POD)) == []
