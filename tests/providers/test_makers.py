"""The objects of Knative's chain: names, labels, and what a container is promised."""

from __future__ import annotations

from typing import Any

from openfunction_py.api.upstream import knative
from openfunction_py.autoscaling import spec as scaling
from openfunction_py.providers.knative import (
    addresses,
    configurations,
    history,
    labeler,
    names,
    resources,
    services,
    verdicts,
)

NOW = "2026-01-01T00:00:00Z"


def service(**spec: Any) -> knative.KnativeService:
    """A Knative Service."""
    template = {
        "metadata": {"labels": {"openfunction.io/serving": "s"}, "annotations": {"a": "b"}},
        "spec": {"timeoutSeconds": 7, "containers": [{"name": "function", "image": "i"}]},
    }
    metadata = {
        "name": "f-ksvc",
        "namespace": "n",
        "uid": "su",
        "labels": {"openfunction.io/function": "f"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "it"},
    }
    return knative.KnativeService.model_validate(
        {"metadata": metadata, "spec": {"template": template, **spec}}
    )


def configuration(generation: int = 3) -> knative.Configuration:
    """The Configuration of the Service, as stored."""
    body = services.make_configuration(service()).to_wire()
    body["metadata"] |= {"uid": "cu", "generation": generation}
    return knative.Configuration.model_validate(body)


def revision(name: str = "", **labels: str) -> knative.Revision:
    """The Revision of the Configuration, as stored."""
    body = configurations.make_revision(configuration(), now=NOW).to_wire()
    body["metadata"] |= {"uid": "ru"} | ({"name": name} if name else {})
    body["metadata"]["labels"] |= labels
    return knative.Revision.model_validate(body)


def route(*targets: dict[str, Any], published: tuple[dict[str, Any], ...] = ()) -> knative.Route:
    """A Route with these targets."""
    return knative.Route.model_validate(
        {
            "metadata": {"name": "f-ksvc", "namespace": "n"},
            "spec": {"traffic": targets},
            "status": {"traffic": published},
        }
    )


def test_a_configuration_carries_the_template_and_whose_it_is() -> None:
    made = services.make_configuration(service())
    assert made.metadata.labels == {
        "openfunction.io/function": "f",
        "serving.knative.dev/service": "f-ksvc",
        "serving.knative.dev/serviceUID": "su",
    }
    assert made.metadata.annotations == {"keep": "it"}
    assert made.spec.template == service().spec.template


def test_a_route_sends_all_to_the_latest_unless_told_otherwise() -> None:
    made = services.make_route(service())
    assert [one.to_wire() for one in made.spec.traffic] == [
        {"latestRevision": True, "percent": 100, "configurationName": "f-ksvc"}
    ]


def test_a_named_target_is_not_the_latest() -> None:
    made = services.make_route(service(traffic=[{"revisionName": "r", "percent": 100, "tag": "t"}]))
    assert [one.to_wire() for one in made.spec.traffic] == [
        {"revisionName": "r", "percent": 100, "tag": "t", "latestRevision": False}
    ]


def test_a_revision_is_named_by_generation_and_labelled_with_its_family() -> None:
    made = configurations.make_revision(configuration(), now=NOW)
    assert made.metadata.name == "f-ksvc-00003"
    assert made.metadata.labels == {
        "openfunction.io/serving": "s",
        "serving.knative.dev/configuration": "f-ksvc",
        "serving.knative.dev/configurationUID": "cu",
        "serving.knative.dev/configurationGeneration": "3",
        "serving.knative.dev/service": "f-ksvc",
        "serving.knative.dev/serviceUID": "su",
        "serving.knative.dev/routingState": "pending",
    }


def test_a_long_name_is_shortened_and_still_ends_with_its_generation() -> None:
    name = names.revision("f" * 63, 1)
    assert len(name) <= 63
    assert name.endswith("-00001")


def test_a_deployment_selects_by_the_revisions_uid_alone() -> None:
    made = resources.make_deployment(revision(), replicas=2, deadline=60.0).to_wire()
    assert made["spec"]["selector"] == {"matchLabels": {"serving.knative.dev/revisionUID": "ru"}}
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["progressDeadlineSeconds"] == 60
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["app"] == labels["serving.knative.dev/revision"] == "f-ksvc-00003"
    assert "serving.knative.dev/routingState" not in labels


def test_a_container_gets_what_the_runtime_contract_promises() -> None:
    spec = resources.make_pod_spec(revision())
    (container,) = spec["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert env == {
        "PORT": "8080",
        "K_REVISION": "f-ksvc-00003",
        "K_CONFIGURATION": "f-ksvc",
        "K_SERVICE": "f-ksvc",
        "OFN_TIMEOUT_SECONDS": "7",
    }
    assert container["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert "timeoutSeconds" not in spec


def test_a_variable_that_the_user_set_stays_his() -> None:
    body = revision().to_wire()
    body["spec"]["containers"][0] |= {
        "env": [{"name": "PORT", "value": "9"}],
        "ports": [{"containerPort": 9}],
    }
    (container,) = resources.make_pod_spec(knative.Revision.model_validate(body))["containers"]
    assert [one["value"] for one in container["env"] if one["name"] == "PORT"] == ["9"]
    assert container["ports"] == [{"name": "user-port", "protocol": "TCP", "containerPort": 9}]


def test_fields_that_no_slice_names_reach_the_pod() -> None:
    body = revision().to_wire()
    body["spec"]["containers"][0]["securityContext"] = {"runAsUser": 7}
    body["spec"]["priorityClassName"] = "high"
    spec = resources.make_pod_spec(knative.Revision.model_validate(body))
    assert spec["containers"][0]["securityContext"] == {"runAsUser": 7}
    assert spec["priorityClassName"] == "high"


def test_reachability_follows_the_routing_state_and_failure() -> None:
    state = {names.ROUTING_STATE: "active"}
    assert resources.make_pod_autoscaler(revision(**state), scaling.Spec()).spec.reachability == "Reachable"
    assert resources.reachability(revision(**{names.ROUTING_STATE: "reserve"})) == "Unreachable"
    assert resources.reachability(revision()) == ""
    broken = {**revision(**state).to_wire()}
    broken["status"] = {"conditions": [{"type": "ContainerHealthy", "status": "False"}]}
    assert resources.reachability(knative.Revision.model_validate(broken)) == "Unreachable"


def test_old_revisions_beyond_the_limit_go_unless_something_refers_to_them() -> None:
    revisions = [revision(f"r{number}") for number in range(6)]
    routes = [route({"revisionName": "r0"}, published=({"revisionName": "r1", "percent": 100},))]
    body = {**configuration().to_wire(), "status": {"latestReadyRevisionName": "r2"}}
    latest = knative.Configuration.model_validate(body)
    gone = history.superfluous(latest, revisions, routes, limit=2)
    assert [one.metadata.name for one in gone] == ["r3"]


def test_a_revision_that_is_used_is_active_and_names_its_routes() -> None:
    change = labeler.change_of(revision("r"), [route({"revisionName": "r"})], now=NOW)
    assert change["metadata"]["labels"] == {names.ROUTING_STATE: "active"}
    assert change["metadata"]["annotations"][names.ROUTES] == "f-ksvc"


def test_a_revision_no_longer_used_goes_to_reserve_and_a_pending_one_waits() -> None:
    used = revision("r", **{names.ROUTING_STATE: "active"})
    assert labeler.change_of(used, [], now=NOW)["metadata"]["labels"] == {names.ROUTING_STATE: "reserve"}
    assert labeler.change_of(revision("r"), [], now=NOW) == {}


def test_ready_is_false_before_it_is_unknown_and_information_does_not_decide() -> None:
    unknown, false = verdicts.Verdict("A"), verdicts.Verdict("B", "False", "Why", "so")
    aside = verdicts.Verdict("C", "False", "NoTraffic", decides=False)
    assert verdicts.summary([unknown, false, aside]).reason == "Why"
    assert verdicts.summary([unknown, aside]).status == "Unknown"
    assert verdicts.summary([verdicts.true("A"), aside]).status == "True"


def test_addresses_name_the_gateways_domain_and_port() -> None:
    where = addresses.Domain("localhost", 8080)
    assert addresses.url("f-ksvc", "n", where) == "http://f-ksvc.n.localhost:8080"
    assert addresses.url("f-ksvc", "n", addresses.Domain()) == "http://f-ksvc.n.svc.cluster.local"
