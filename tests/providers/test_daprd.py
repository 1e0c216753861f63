"""Dapr's own sidecar beside an app: its container, and the documents that both sidecars read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openfunction_eventing.sidecar import resources
from openfunction_py.api.upstream import core
from openfunction_py.providers.dapr import daprd, injection, replacing
from openfunction_py.resources import programs
from tests.providers.test_dapr import ANNOTATED, pod
from tests.reconcilers.world import World


def beside(**more: str) -> dict[str, Any]:
    """Dapr's container beside an annotated Pod's."""
    annotations = {**ANNOTATED, **{f"dapr.io/{key.replace('_', '-')}": value for key, value in more.items()}}
    made = injection.inject(pod(annotations), make=daprd.container)
    container: dict[str, Any] = made["spec"]["containers"][1]
    return container


def test_it_has_the_place_of_ours_and_listens_on_the_pods_address_alone() -> None:
    ours, real = injection.inject(pod(ANNOTATED))["spec"]["containers"][1], beside()
    assert (ours["image"], real["image"]) == (injection.IMAGE, daprd.IMAGE)
    for field in ("name", "readinessProbe", "volumeMounts"):
        assert ours[field] == real[field]
    assert real["ports"][:2] == ours["ports"]
    addresses = [
        value
        for flag, value in zip(real["args"], real["args"][1:], strict=False)
        if flag.endswith(("-address", "-addresses"))
    ]
    assert addresses == ["$(POD_IP)"] * 3
    assert "--enable-metrics=false" in real["args"]


@pytest.mark.parametrize(
    ("annotation", "value", "flag"),
    [
        ("app_port", "9000", "--app-port=9000"),
        ("app_protocol", "grpc", "--app-protocol=grpc"),
        ("graceful_shutdown_seconds", "7", "--dapr-graceful-shutdown-seconds=7"),
        ("log_as_json", "true", "--log-as-json"),
    ],
)
def test_an_annotation_becomes_its_flag(annotation: str, value: str, flag: str) -> None:
    assert flag in beside(**{annotation: value})["args"]


def test_a_switch_that_is_off_is_no_flag() -> None:
    assert "--log-as-json" not in beside(log_as_json="false")["args"]


def test_the_configuration_is_no_document_that_daprd_watches() -> None:
    assert not daprd.CONFIG.endswith((".yaml", ".yml"))
    assert f"{injection.FOLDER}/{daprd.CONFIG}" in beside()["args"]


def test_our_sidecar_passes_over_the_configuration_of_daprd(tmp_path: Path) -> None:
    (tmp_path / daprd.CONFIG).write_text(programs.text_of(daprd.configuration()))
    component = {"kind": "Component", "metadata": {"name": "c"}, "spec": {"type": "state.in-memory"}}
    (tmp_path / "resources.yaml").write_text(json.dumps(component))
    found = resources.load([tmp_path], app="a")
    assert [one["metadata"]["name"] for one in found.components] == ["c"]


def owned(name: str, kind: str, image: str, *, marked: bool = True) -> core.Pod:
    """A Pod with a sidecar, of a workload; without the mark it is the workload's own."""
    owners = [{"apiVersion": "v1", "kind": kind, "name": "o", "uid": "u"}] if kind else []
    containers = [{"name": "function", "image": "f"}, {"name": injection.CONTAINER, "image": image}]
    about: dict[str, Any] = {"name": name, "namespace": "default", "ownerReferences": owners}
    about["annotations"] = {injection.MARK: image} if marked else {}
    return core.Pod.model_validate({"metadata": about, "spec": {"containers": containers}})


async def test_pods_of_workloads_with_the_other_sidecar_make_way() -> None:
    there = World()
    replacing.install(there.manager, image=daprd.IMAGE)
    there.put(owned("old", "ReplicaSet", injection.IMAGE))
    there.put(owned("new", "ReplicaSet", daprd.IMAGE))
    there.put(owned("own-sidecar", "StatefulSet", "example.com/daprd"))
    there.put(owned("in-its-template", "ReplicaSet", injection.IMAGE, marked=False))
    there.put(owned("job", "Job", injection.IMAGE))
    there.put(owned("bare", "", injection.IMAGE))
    await there.settle()
    left = {one.metadata.name for one in there.lister(core.Pod).list("default")}
    assert left == {"new", "own-sidecar", "in-its-template", "job", "bare"}


@pytest.mark.parametrize("make", [None, daprd.container])
def test_only_a_sidecar_that_was_put_into_a_pod_is_ever_the_other_one(make: injection.Make | None) -> None:
    def judged(document: dict[str, Any], image: str) -> bool:
        owners = [{"apiVersion": "v1", "kind": "ReplicaSet", "name": "o", "uid": "u"}]
        about = {**document["metadata"], "ownerReferences": owners}
        return replacing.is_outdated(core.Pod.model_validate({**document, "metadata": about}), image)

    made = injection.inject(pod(ANNOTATED), make=make)
    image = made["spec"]["containers"][1]["image"]
    (other,) = replacing.IMAGES - {image}
    assert (judged(made, image), judged(made, other)) == (False, True)
    own = {**pod(ANNOTATED), "spec": made["spec"]}
    assert not judged(injection.inject(own, make=make), other)
