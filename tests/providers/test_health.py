"""What a Revision says of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api.upstream import apps, autoscaling, core
from openfunction_py.providers.knative import health, verdicts


def pod(state: dict[str, Any], last: dict[str, Any] | None = None) -> core.Pod:
    """A Pod whose only container is in this state."""
    status = {"name": "function", "state": state, "lastState": last or {}}
    return core.Pod.model_validate({"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}})


def deployment(*, available: int = 0, replicas: int = 1, **progressing: str) -> apps.Deployment:
    """A Deployment with these replicas."""
    conditions = [
        {"type": "Available", "status": "True" if available >= replicas else "False"},
        {"type": "Progressing", "status": "True", **progressing},
    ]
    return apps.Deployment.model_validate(
        {"spec": {"replicas": replicas}, "status": {"availableReplicas": available, "conditions": conditions}}
    )


def scaler(*, active: str, initialized: str) -> autoscaling.PodAutoscaler:
    """A PodAutoscaler with these conditions."""
    conditions = [
        {"type": "Active", "status": active, "reason": "NoTraffic" if active == "False" else ""},
        {"type": "ScaleTargetInitialized", "status": initialized},
    ]
    return autoscaling.PodAutoscaler.model_validate({"status": {"conditions": conditions}})


def ready(judged: list[verdicts.Verdict]) -> tuple[str, str]:
    """Status and reason of Ready."""
    found = verdicts.summary(judged)
    return found.status, found.reason


def test_a_container_in_creation_is_no_failure() -> None:
    assert health.container_failure([pod({"waiting": {"reason": "ContainerCreating"}})]) is None


@pytest.mark.parametrize(
    ("waiting", "reason"),
    [
        ("CrashLoopBackOff", "CrashLoop"),
        ("ImagePullBackOff", "ContainerMissing"),
        ("ImageNotRunnable", "ImageNotRunnable"),
    ],
)
def test_a_waiting_container_gives_its_reason(waiting: str, reason: str) -> None:
    found = health.container_failure([pod({"waiting": {"reason": waiting, "message": "the sentence"}})])
    assert found is not None
    assert (found.reason, found.message) == (reason, "the sentence")


def test_a_crash_loop_shows_the_last_lines_of_the_run_before() -> None:
    last = {"terminated": {"exitCode": 1, "message": "Traceback\nValueError: no"}}
    found = health.container_failure([pod({"waiting": {"reason": "CrashLoopBackOff"}}, last)])
    assert found is not None
    assert "code 1" in found.message
    assert "ValueError: no" in found.message


def test_the_frameworks_own_line_names_the_reason() -> None:
    line = "functions_framework: FunctionNotFound: main.py has no function 'hello'; it has 'helo'."
    found = health.container_failure([pod({"terminated": {"exitCode": 3, "message": f"noise\n{line}\n"}})])
    assert found is not None
    assert found.reason == "FunctionNotFound"
    assert found.message == "main.py has no function 'hello'; it has 'helo'."


def test_an_end_without_a_word_says_its_exit_code() -> None:
    found = health.container_failure([pod({"terminated": {"exitCode": 9, "message": ""}})])
    assert found is not None
    assert found.reason == "ExitCode9"
    assert "log" in found.message


def test_a_revision_is_ready_when_its_first_instances_are() -> None:
    judged = health.judge(deployment(available=1), scaler(active="True", initialized="True"), [], [])
    assert ready(judged) == ("True", "")


def test_a_revision_that_never_had_an_instance_is_deploying() -> None:
    judged = health.judge(deployment(), scaler(active="Unknown", initialized="Unknown"), [], [])
    assert ready(judged) == ("Unknown", "Deploying")


def test_a_revision_at_zero_stays_ready() -> None:
    judged = health.judge(deployment(replicas=0), scaler(active="False", initialized="True"), [], [])
    assert ready(judged) == ("True", "")
    assert judged[0].reason == "NoTraffic"


def test_a_revision_that_wakes_stays_ready_meanwhile() -> None:
    judged = health.judge(deployment(replicas=0), scaler(active="False", initialized="True"), [], [])
    before = [one for one in _conditions(judged) if one.type != "Ready"]
    waking = health.judge(deployment(), scaler(active="Unknown", initialized="True"), [], before)
    assert ready(waking) == ("True", "")


def _conditions(judged: list[verdicts.Verdict]) -> list[Any]:
    pa = {"status": {"conditions": verdicts.write([], judged, now="2026-01-01T00:00:00Z")}}
    return list(autoscaling.PodAutoscaler.model_validate(pa).status.conditions)


def test_a_crashing_container_is_the_reason_and_not_the_deployment_that_waits() -> None:
    crashing = pod({"waiting": {"reason": "CrashLoopBackOff", "message": "boom"}})
    late = deployment(status="False", reason="ProgressDeadlineExceeded")
    judged = health.judge(late, scaler(active="Unknown", initialized="Unknown"), [crashing], [])
    assert ready(judged) == ("False", "CrashLoop")


def test_a_deployment_that_stands_still_is_told() -> None:
    late = deployment(status="False", reason="ProgressDeadlineExceeded", message="timed out")
    judged = health.judge(late, scaler(active="Unknown", initialized="Unknown"), [], [])
    assert ready(judged) == ("False", "ProgressDeadlineExceeded")


def test_one_crashing_instance_beside_a_serving_one_does_not_fail_the_revision() -> None:
    crashing = pod({"waiting": {"reason": "CrashLoopBackOff"}})
    judged = health.judge(
        deployment(available=1, replicas=1), scaler(active="True", initialized="True"), [crashing], []
    )
    assert ready(judged) == ("True", "")
