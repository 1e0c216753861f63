"""Shipwright's objects: what may be built, the Pod that builds, what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openfunction_py.api.upstream import core, shipwright
from openfunction_py.providers.shipwright import builds, outcome, resources

SPEC: dict[str, Any] = {
    "source": {"type": "Git", "git": {"url": "https://host/repo", "revision": "main"}, "contextDir": "f"},
    "strategy": {"kind": "ClusterBuildStrategy", "name": "openfunction"},
    "paramValues": [{"name": "env", "values": [{"value": "FUNC_NAME=hello"}, {"value": "A=b=c"}]}],
    "output": {"image": "hello:v1"},
    "timeout": "2m",
}


def spec(**changes: Any) -> shipwright.BuildSpec:
    """A Build's spec."""
    return shipwright.BuildSpec.model_validate({**SPEC, **changes})


def run(**changes: Any) -> shipwright.BuildRun:
    """A BuildRun of the Build."""
    labels = {"openfunction.io/builder": "b"}
    metadata = {"name": "b-run", "namespace": "n", "uid": "u", "labels": labels}
    return shipwright.BuildRun.model_validate(
        {"metadata": metadata, "spec": {"build": {"name": "b-build"}, **changes}}
    )


def pod(status: dict[str, Any]) -> core.Pod:
    """A build's Pod in this state."""
    return core.Pod.model_validate({"metadata": {"name": "b-run-pod", "namespace": "n"}, "status": status})


def ended(code: int, message: str) -> dict[str, Any]:
    """The status of a Pod whose container ended."""
    state = {"terminated": {"exitCode": code, "message": message}}
    return {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": "build", "state": state}],
    }


def test_a_strategy_of_a_cluster_is_refused_with_what_to_do() -> None:
    found = builds.refusal(spec(strategy={"name": "kaniko"}))
    assert found is not None
    assert found.reason == "BuilderUnsupported"
    assert "kaniko" in found.message
    assert "openfunction" in found.message


def test_the_pod_is_never_restarted_and_has_the_deadline_of_the_build() -> None:
    made = resources.make_pod(run(), spec()).to_wire()
    assert made["spec"]["restartPolicy"] == "Never"
    assert made["spec"]["activeDeadlineSeconds"] == 120
    assert made["metadata"]["labels"]["buildrun.shipwright.io/name"] == "b-run"
    assert made["metadata"]["labels"]["openfunction.io/builder"] == "b"


def test_a_run_may_have_a_limit_of_its_own() -> None:
    made = resources.make_pod(run(timeout="10s"), spec())
    assert made.spec.active_deadline_seconds == 10


def test_the_request_carries_source_image_and_environment() -> None:
    (container,) = resources.make_pod(run(), spec()).spec.containers
    request = json.loads(container.env[0].value or "")
    assert container.env[0].name == "OFN_BUILD_REQUEST"
    assert request == {
        "image": "hello:v1",
        "source": {"git": {"url": "https://host/repo", "revision": "main"}},
        "sub_path": "f",
        "env": {"FUNC_NAME": "hello", "A": "b=c"},
        "layout": "",
        "cache": "",
        "timeout_seconds": 120,
    }


def test_an_inline_source_is_a_mounted_folder() -> None:
    volumes = [{"name": "inline-source", "configMap": {"name": "b-source"}}]
    made = resources.make_pod(run(), spec(source={"type": "Local"}, volumes=volumes))
    (container,) = made.spec.containers
    assert json.loads(container.env[0].value or "")["source"] == {"folder": "/workspace/source-inline"}
    assert container.volume_mounts[0].mount_path == "/workspace/source-inline"
    assert made.to_wire()["spec"]["volumes"] == volumes


def test_a_source_bundle_travels_by_digest() -> None:
    source = {"type": "OCI", "ociArtifact": {"image": "src@sha256:1"}}
    assert resources.make_request(run(), spec(source=source)).source.bundle == "src@sha256:1"


def test_a_result_with_a_digest_is_success() -> None:
    found = outcome.of_pod(pod(ended(0, '{"digest": "sha256:1", "size": 3}')))
    assert (found.status, found.result.digest) == ("True", "sha256:1")


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}"])
def test_success_without_a_digest_is_a_failure(text: str) -> None:
    assert outcome.of_pod(pod(ended(0, text))).failure is not None


def test_the_builders_reason_and_message_are_the_failure() -> None:
    text = json.dumps({"reason": "DependencyFailed", "message": "no such package: nope"})
    assert outcome.of_pod(pod(ended(51, text))).failure == ("DependencyFailed", "no such package: nope")


def test_a_builder_that_dies_silently_is_told_with_its_exit_code() -> None:
    found = outcome.of_pod(pod(ended(137, "")))
    assert found.failure is not None
    assert found.failure[0] == "BuildFailed"
    assert "137" in found.failure[1]


def test_a_deadline_is_a_timeout() -> None:
    found = outcome.of_pod(pod({"phase": "Failed", "reason": "DeadlineExceeded"}))
    assert found.reason == "BuildRunTimeout"


def test_a_pod_that_cannot_start_is_a_failure_with_its_reason() -> None:
    waiting = {"waiting": {"reason": "ImageNotRunnable", "message": "No program for it."}}
    found = outcome.of_pod(
        pod({"phase": "Pending", "containerStatuses": [{"name": "build", "state": waiting}]})
    )
    assert found.failure == ("ImageNotRunnable", "No program for it.")


def test_a_running_pod_is_not_finished() -> None:
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    found = outcome.of_pod(
        pod({"phase": "Running", "containerStatuses": [{"name": "build", "state": state}]})
    )
    assert (found.finished, found.reason) == (False, "Running")
