"""The route table: from objects to hosts, prefixes, weights, limits and endpoints, and what a request matches."""

from collections import Counter

import pytest

from openfunction_py.api.gateways import Gateway
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.api.upstream.knative import Revision, Route
from openfunction_py.dataplane import objects
from openfunction_py.dataplane.route_table import Endpoint, RevisionKey, RouteTable, Target

FIRST, SECOND = RevisionKey("demo", "hello-ksvc-00001"), RevisionKey("demo", "hello-ksvc-00002")


def gateway(**spec: object) -> Gateway:
    return Gateway.model_validate(
        {
            "metadata": {"name": "openfunction", "namespace": "openfunction"},
            "spec": {"domain": "localhost", **spec},
        }
    )


def route(*traffic: dict[str, object], url: str = "") -> Route:
    return Route.model_validate(
        {
            "metadata": {
                "name": "hello-ksvc",
                "namespace": "demo",
                "labels": {"openfunction.io/function": "hello"},
            },
            "status": {"url": url, "traffic": list(traffic)},
        }
    )


def revision(**spec: object) -> Revision:
    return Revision.model_validate({"metadata": {"name": FIRST.name, "namespace": "demo"}, "spec": spec})


def piece(*endpoints: dict[str, object], service: str = f"{FIRST.name}-private") -> EndpointSlice:
    return EndpointSlice.model_validate(
        {
            "metadata": {
                "name": "x",
                "namespace": "demo",
                "labels": {"serving.knative.dev/revision": FIRST.name, "kubernetes.io/service-name": service},
            },
            "ports": [{"name": "metrics", "port": 9090}, {"name": "http", "port": 8080}],
            "endpoints": list(endpoints),
        }
    )


def test_a_route_is_held_once_every_revision_of_its_traffic_is_known() -> None:
    wanted = route(WHOLE, {"revisionName": SECOND.name, "percent": 0, "tag": "next"})
    wanted = wanted.model_copy(update={"metadata": wanted.metadata.model_copy(update={"uid": "u"})})
    half = objects.make_table(objects.Objects((gateway(),), [wanted], [revision()]))[0]
    assert objects.held_routes([wanted], half) == {}
    second = Revision.model_validate({"metadata": {"name": SECOND.name, "namespace": "demo"}})
    full = objects.make_table(objects.Objects((gateway(),), [wanted], [revision(), second]))[0]
    assert objects.held_routes([wanted], full) == {"u": f"{FIRST.name},100,;{SECOND.name},0,next"}


WHOLE = {"revisionName": FIRST.name, "percent": 100}


def table(*routes: Route, gateways: tuple[Gateway, ...] = (gateway(),)) -> RouteTable:
    return objects.make_table(objects.Objects(gateways, routes))[0]


def test_a_function_answers_at_its_hosts_and_its_path() -> None:
    made = table(route(WHOLE, url="http://own.example.org:8080"))
    assert set(made.hosts) == {"hello.demo.localhost", "hello.demo.svc.cluster.local", "own.example.org"}
    assert set(made.prefixes) == {"/demo/hello"}


def named(name: str, hostnames: str, created: str) -> Route:
    metadata = {
        "name": f"{name}-ksvc",
        "namespace": "demo",
        "creationTimestamp": created,
        "labels": {"openfunction.io/function": name},
        "annotations": {"openfunction.io/hostnames": hostnames},
    }
    return Route.model_validate({"metadata": metadata, "status": {"traffic": [WHOLE]}})


def test_a_host_name_of_the_users_own_leads_to_the_function_and_takes_nobody_elses() -> None:
    older = named("older", "Shop.example.com,shared.example.com", "2026-01-01T00:00:00Z")
    newer = named("newer", "shared.example.com,older.demo.localhost", "2026-01-02T00:00:00Z")
    made = table(newer, older)
    assert {host: made.hosts[host].function for host in made.hosts if "cluster.local" not in host} == {
        "shop.example.com": "older",
        "shared.example.com": "older",
        "older.demo.localhost": "older",
        "newer.demo.localhost": "newer",
    }


@pytest.mark.parametrize(
    ("host", "function"),
    [
        ("a.example.com", "wide"),
        ("x.y.example.com", "wide"),
        ("b.in.example.com", "narrow"),
        ("example.com", ""),
    ],
)
def test_a_wild_host_name_takes_what_lies_below_and_the_longest_wins(host: str, function: str) -> None:
    made = table(named("wide", "*.example.com", "1"), named("narrow", "*.in.example.com", "2"))
    match = made.match(host, "/")
    assert (match.target.function if match else "") == function


@pytest.mark.parametrize(
    "host", ["*.localhost", "*.demo.localhost", "*.cluster.local", "*.demo.svc.cluster.local"]
)
def test_no_wild_host_name_takes_names_that_a_gateway_gives(host: str) -> None:
    made = table(named("greedy", host, "1"))
    assert host not in made.hosts
    assert made.match(f"absent{host[1:]}", "/") is None


def test_templates_of_the_gateway_shape_host_and_path() -> None:
    own = gateway(
        domain="example.org",
        hostTemplate="{{.Namespace}}-{{.Name}}.{{.Domain}}",
        pathTemplate="f/{{.Namespace}}/{{.Name}}",
    )
    made = table(route(WHOLE), gateways=(own,))
    assert "demo-hello.example.org" in made.hosts
    match = made.match("127.0.0.1", "/f/demo/hello/x")
    assert match is not None
    assert match.prefix == "/f/demo/hello"


def test_a_wrong_template_is_told_and_leaves_the_cluster_name() -> None:
    made, problems = objects.make_table(objects.Objects([gateway(hostTemplate="{{.Nmae}}")], [route(WHOLE)]))
    assert "openfunction/openfunction" in problems[0]
    assert not made.prefixes


def test_a_tag_has_a_host_of_its_own() -> None:
    made = table(route(WHOLE, {"revisionName": SECOND.name, "percent": 0, "tag": "next"}))
    assert made.hosts["next-hello.demo.localhost"].choose(0.5) == SECOND
    assert made.hosts["hello.demo.localhost"].choose(0.99) == FIRST


def test_weights_share_the_draws() -> None:
    target = Target("demo", "hello", ((FIRST, 90.0), (SECOND, 10.0)))
    counts = Counter(target.choose(draw / 1000) for draw in range(1000))
    assert counts == {FIRST: 900, SECOND: 100}


def test_a_target_without_backends_chooses_nothing() -> None:
    assert Target("demo", "hello").choose(0.1) is None


def test_limits_come_from_the_revision_and_endpoints_from_ready_ones_of_its_private_service() -> None:
    slices = [
        piece({"addresses": ["127.0.0.2"]}, {"addresses": ["127.0.0.3"], "conditions": {"ready": False}}),
        piece({"addresses": ["127.0.0.4"], "conditions": {"ready": True, "terminating": True}}),
        piece({"addresses": ["127.0.0.5"]}, service=FIRST.name),
    ]
    made, _ = objects.make_table(
        objects.Objects(revisions=[revision(containerConcurrency=5, timeoutSeconds=7)], slices=slices)
    )
    one = made.revisions[FIRST]
    assert (one.concurrency, one.timeout, one.endpoints) == (5, 7, (Endpoint("127.0.0.2", 8080),))


def test_a_revision_in_trouble_brings_its_reason() -> None:
    broken = Revision.model_validate(
        {
            "metadata": {"name": FIRST.name, "namespace": "demo"},
            "status": {
                "conditions": [{"type": "Ready", "status": "False", "reason": "ExitCode1", "message": "no"}]
            },
        }
    )
    made, _ = objects.make_table(objects.Objects(revisions=[broken]))
    assert made.revisions[FIRST].trouble == "ExitCode1: no"


@pytest.mark.parametrize(
    ("host", "path", "prefix"),
    [
        ("hello.demo.localhost", "/demo/hello", ""),
        ("127.0.0.1", "/demo/hello", "/demo/hello"),
        ("localhost", "/demo/hello/more", "/demo/hello"),
        ("127.0.0.1", "/demo/hello2", None),
        ("127.0.0.1", "/", None),
        ("other.demo.localhost", "/demo/hello", None),
    ],
)
def test_what_a_request_matches(host: str, path: str, prefix: str | None) -> None:
    match = table(route(WHOLE)).match(host, path)
    assert (None if match is None else match.prefix) == prefix


@pytest.mark.parametrize(("host", "path"), [("helo.demo.localhost", "/"), ("127.0.0.1", "/demo/helo/x")])
def test_near_names_are_found_from_host_and_path(host: str, path: str) -> None:
    assert table(route(WHOLE)).near(host, path) == ["demo/hello"]
