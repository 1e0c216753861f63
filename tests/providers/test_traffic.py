"""Where a Route sends traffic."""

from __future__ import annotations

from typing import Any

from openfunction_py.api.upstream import knative
from openfunction_py.providers.knative import traffic


def route(*targets: dict[str, Any]) -> knative.Route:
    """A Route with these targets."""
    return knative.Route.model_validate(
        {"metadata": {"name": "f-ksvc", "namespace": "n"}, "spec": {"traffic": targets}}
    )


def revision(name: str, ready: str) -> knative.Revision:
    """A Revision that is ready, not ready or not yet."""
    conditions = [{"type": "Ready", "status": ready, "message": "it crashed"}]
    return knative.Revision.model_validate(
        {"metadata": {"name": name, "namespace": "n"}, "status": {"conditions": conditions}}
    )


def world(*revisions: knative.Revision, latest_ready: str = "", ready: str = "Unknown") -> traffic.World:
    """These Revisions and one Configuration."""
    configuration = knative.Configuration.model_validate(
        {
            "metadata": {"name": "f-ksvc", "namespace": "n"},
            "status": {
                "latestReadyRevisionName": latest_ready,
                "conditions": [{"type": "Ready", "status": ready, "message": "it crashed"}],
            },
        }
    )
    return traffic.World(
        configuration={"f-ksvc": configuration}.get,
        revision={one.metadata.name: one for one in revisions}.get,
        tag_url=lambda tag: f"http://{tag}-f-ksvc",
    )


LATEST = {"latestRevision": True, "percent": 100, "configurationName": "f-ksvc"}


def test_latest_means_the_latest_that_is_ready() -> None:
    resolved = traffic.resolve(route(LATEST), world(latest_ready="f-ksvc-00001", ready="False"))
    assert [one.to_wire() for one in resolved.targets] == [
        {"revisionName": "f-ksvc-00001", "latestRevision": True, "percent": 100}
    ]
    assert resolved.verdict.status == "True"


def test_no_ready_revision_yet_is_not_known_yet() -> None:
    resolved = traffic.resolve(route(LATEST), world())
    assert (resolved.targets, resolved.verdict.status) == ((), "Unknown")


def test_a_first_revision_that_fails_says_why() -> None:
    resolved = traffic.resolve(route(LATEST), world(ready="False"))
    assert (resolved.verdict.status, resolved.verdict.reason) == ("False", "RevisionMissing")
    assert "it crashed" in resolved.verdict.message


def test_a_named_revision_that_does_not_exist_is_missing() -> None:
    resolved = traffic.resolve(route({"revisionName": "gone", "percent": 100}), world())
    assert resolved.verdict.reason == "RevisionMissing"
    assert '"gone"' in resolved.verdict.message


def test_a_broken_named_revision_gets_no_traffic() -> None:
    targets = ({"revisionName": "good", "percent": 50}, {"revisionName": "bad", "percent": 50})
    resolved = traffic.resolve(route(*targets), world(revision("good", "True"), revision("bad", "False")))
    assert (resolved.targets, resolved.verdict.status) == ((), "False")


def test_weights_and_tags_are_kept() -> None:
    targets = (
        {"revisionName": "one", "percent": 90},
        {"revisionName": "two", "percent": 10, "tag": "canary"},
    )
    resolved = traffic.resolve(route(*targets), world(revision("one", "True"), revision("two", "True")))
    assert [one.to_wire() for one in resolved.targets] == [
        {"revisionName": "one", "latestRevision": False, "percent": 90},
        {
            "revisionName": "two",
            "latestRevision": False,
            "percent": 10,
            "tag": "canary",
            "url": "http://canary-f-ksvc",
        },
    ]


def test_percentages_that_are_not_a_hundred_are_refused() -> None:
    resolved = traffic.resolve(route({"revisionName": "one", "percent": 90}), world(revision("one", "True")))
    assert resolved.verdict.reason == "InvalidTraffic"
    assert "90" in resolved.verdict.message


def test_two_targets_of_one_revision_are_one() -> None:
    targets = ({"revisionName": "one", "percent": 40}, {"revisionName": "one", "percent": 60})
    resolved = traffic.resolve(route(*targets), world(revision("one", "True")))
    assert [one.percent for one in resolved.targets] == [100]
