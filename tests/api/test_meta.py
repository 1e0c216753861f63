"""Models on the wire, and conditions."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.api import gateways, meta, references
from openfunction_py.api.meta import Condition
from openfunction_py.api.upstream import apps, core


def test_only_what_was_set_goes_to_the_wire_and_kind_always() -> None:
    made = core.Pod(metadata=meta.ObjectMeta(name="p"))
    assert made.to_wire() == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}


def test_names_are_spelled_as_kubernetes_spells_them() -> None:
    status = core.PodStatus(pod_ip="127.0.0.1", pod_ips=[core.PodIP(ip="127.0.0.1")], host_ip="x")
    assert status.to_wire() == {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "hostIP": "x"}


def test_fields_without_a_name_pass_through_an_upstream_slice() -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "a", "tty": True}], "hostPID": True}}}}
    made = apps.Deployment.model_validate({"metadata": {"name": "d"}, **body})
    assert made.to_wire()["spec"] == body["spec"]


def test_null_counts_as_absent() -> None:
    made = core.Pod.model_validate({"metadata": {"name": "p", "labels": None, "creationTimestamp": None}})
    assert made.metadata.labels == {}
    assert made.to_wire()["metadata"] == {"name": "p"}


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = meta.set_condition([], Condition(type="Ready", status="False", reason="A"), now="1")
    same = meta.set_condition(first, Condition(type="Ready", status="False", reason="B"), now="2")
    moved = meta.set_condition(same, Condition(type="Ready", status="True"), now="3")
    assert [one[0].last_transition_time for one in (first, same, moved)] == ["1", "1", "3"]
    assert same[0].reason == "B"
    assert meta.is_true(moved, "Ready")


def test_other_conditions_keep_their_place() -> None:
    two = [Condition(type="A"), Condition(type="B")]
    changed = meta.set_condition(two, Condition(type="A", status="True"), now="1")
    assert [one.type for one in changed] == ["A", "B"]


@pytest.mark.parametrize(
    "image", ["hello", "a/b/hello:v1", "host:5000/x@sha256:" + "0" * 64, "<your registry>/x:v1"]
)
def test_image_references_are_recognised(image: str) -> None:
    assert references.is_valid(image)


@pytest.mark.parametrize("image", ["", "Hello", "a b", "x:", "/x", "x@sha256:12"])
def test_what_is_no_image_reference_is_recognised(image: str) -> None:
    assert not references.is_valid(image)


def test_pinning_replaces_a_digest_and_keeps_the_tag() -> None:
    assert references.pin("hello:v1", "sha256:b") == "hello:v1@sha256:b"
    assert references.pin("hello:v1@sha256:a", "sha256:b") == "hello:v1@sha256:b"
    assert references.pin("<registry>/hello:v1", "") == "hello:v1"


@given(st.text("{}. Nn", max_size=30))
def test_a_template_renders_or_is_refused_and_nothing_else(template: str) -> None:
    with contextlib.suppress(gateways.TemplateError):
        assert "{{" not in gateways.render(template, {"N": "n"})


def test_a_template_that_uses_something_else_is_refused_with_what_can_be_used() -> None:
    with pytest.raises(gateways.TemplateError, match=r"only \{\{\.Name\}\} can be used"):
        gateways.render("{{.Nam}}", {"Name": "n"})
