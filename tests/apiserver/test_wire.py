"""The edges of the wire: who may come in, discovery, schemas, logs, protobuf, and what is refused."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openfunction_py.api import admission
from openfunction_py.apiserver import testing
from tests.apiserver.api import FUNCTIONS, Api, pod

# `kubectl create` of a namespace named "proto", as it goes over the wire.
NAMESPACE = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x0d\n\x07\n\x05proto\x12\x00\x1a\x00"


def test_nobody_comes_in_without_a_token(api: Api) -> None:
    for token in ("", "wrong"):
        api.token = token
        code, body = api.call("GET", "/api/v1/namespaces")
        assert (code, body["reason"], body["code"]) == (401, "Unauthorized", 401)


def test_health_and_version_are_open(api: Api) -> None:
    api.token = ""
    for path in ("/healthz", "/livez", "/readyz", "/readyz/ping"):
        assert api.raw("GET", path)[:2] == (200, b"ok")
    assert api.call("GET", "/version/")[1]["major"] == "1"


def test_only_tls_with_our_authority_is_spoken(api: Api) -> None:
    context = ssl.create_default_context()
    connection = api.connect()
    connection._context = context  # type: ignore[attr-defined]
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/readyz")
    connection.close()


def test_every_process_has_a_name_of_its_own(api: Api) -> None:
    names = set()
    for identity in ("admin", "manager", "node", "gateway"):
        api.token = api.server.home.token(identity).read_text()
        review = api.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {"spec": {}})
        names.add(review["status"]["userInfo"]["username"])
    assert names == {
        "openfunction:admin",
        "openfunction:manager",
        "openfunction:node",
        "openfunction:gateway",
    }


def test_a_token_may_do_everything_until_roles_are_evaluated(api: Api) -> None:
    spec = {"resourceAttributes": {"verb": "create", "resource": "pods"}}
    body = api.ok("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": spec})
    assert (body["status"]["allowed"], body["spec"]) == (True, spec)


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_discovery_is_aggregated_in_the_version_asked_for(api: Api, version: str) -> None:
    media = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    code, content, headers = api.raw("GET", "/apis", headers={"Accept": f"{media},application/json"})
    body = json.loads(content)
    assert (code, headers["Content-Type"], body["apiVersion"]) == (
        200,
        media,
        f"apidiscovery.k8s.io/{version}",
    )
    kinds = {
        item["resource"] for group in body["items"] for one in group["versions"] for item in one["resources"]
    }
    assert {"functions", "deployments", "revisions"} <= kinds


def test_discovery_has_the_older_form(api: Api) -> None:
    assert api.ok("GET", "/api")["versions"] == ["v1"]
    groups = {group["name"] for group in api.ok("GET", "/apis/")["groups"]}
    assert {"core.openfunction.io", "apps", "serving.knative.dev"} <= groups
    kinds = {item["name"] for item in api.ok("GET", FUNCTIONS)["resources"]}
    assert {"functions", "functions/status"} <= kinds
    assert api.ok("GET", "/apis/apps")["preferredVersion"]["version"] == "v1"
    assert api.call("GET", "/apis/nowhere.example.com/v1")[0] == 404


def test_schemas_describe_the_kinds(api: Api) -> None:
    index = api.ok("GET", "/openapi/v3")["paths"]
    document = api.ok("GET", index["apis/core.openfunction.io/v1beta2"]["serverRelativeURL"])
    schema = document["components"]["schemas"]["io.openfunction.core.v1beta2.Function"]
    assert "serving" in schema["properties"]["spec"]["properties"]
    patch = document["paths"]["/apis/core.openfunction.io/v1beta2/namespaces/{namespace}/functions/{name}"][
        "patch"
    ]
    assert {"fieldValidation", "dryRun", "fieldManager"} <= {item["name"] for item in patch["parameters"]}
    assert api.call("GET", "/openapi/v2")[0] == 404


def test_definitions_can_be_read_and_not_written(api: Api) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    found = api.ok("GET", f"{path}/functions.core.openfunction.io")
    assert found["spec"]["names"]["kind"] == "Function"
    assert {"Established", "NamesAccepted"} == {item["type"] for item in found["status"]["conditions"]}
    code, body = api.call("POST", path, {"metadata": {"name": "x"}})
    assert (code, body["reason"]) == (405, "MethodNotAllowed")
    assert "the kinds of this server are fixed" in body["message"]


def test_what_this_server_does_not_have_is_refused_with_a_sentence(api: Api) -> None:
    code, body = api.call("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles")
    assert (code, "evaluates no RBAC" in body["message"]) == (404, True)
    api.ok("POST", api.pods(), pod("p"))
    code, body = api.call("POST", f"{api.pods('p')}/exec?command=ls")
    assert (code, body["message"]) == (501, "pods/exec is not available on this server yet")
    code, body = api.call("GET", "/apis/core.openfunction.io/v1beta1/namespaces/default/functions")
    assert (code, "served in core.openfunction.io/v1beta2" in body["message"]) == (404, True)


def test_protobuf_of_kubectl_create_is_read(api: Api) -> None:
    code, content, _ = api.raw(
        "POST", "/api/v1/namespaces", NAMESPACE, {"Content-Type": "application/vnd.kubernetes.protobuf"}
    )
    assert (code, json.loads(content)["metadata"]["name"]) == (201, "proto")


def test_other_protobuf_is_refused(api: Api) -> None:
    body = b"k8s\0\n\x0d\n\x02v1\x12\x07Service\x12\x00"
    code, content, _ = api.raw("POST", "/api/v1/namespaces/default/services", body)
    assert (code, "send JSON" in json.loads(content)["message"]) == (415, True)
    assert api.raw("POST", "/api/v1/namespaces", b"k8s\0\xff\xff")[0] == 400


def test_a_damaged_or_huge_body_is_refused(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    code, content, _ = api.raw("POST", api.config_maps(), b"{", headers)
    assert (code, json.loads(content)["reason"]) == (400, "BadRequest")
    code, content, _ = api.raw("POST", api.config_maps(), b"[]", headers)
    assert code == 400
    code, content, _ = api.raw("POST", api.config_maps(), b" " * ((3 << 20) + 1), headers)
    assert (code, json.loads(content)["reason"]) == (413, "RequestEntityTooLarge")


def test_yaml_is_read_too(api: Api) -> None:
    code, content, _ = api.raw(
        "POST",
        api.config_maps(),
        b"metadata: {name: y}\ndata: {a: b}\n",
        {"Content-Type": "application/yaml"},
    )
    assert (code, json.loads(content)["data"]) == (201, {"a": "b"})


def test_a_verb_that_a_path_does_not_have_is_a_405(api: Api) -> None:
    for method, path in (
        ("POST", api.config_maps("a")),
        ("PUT", api.config_maps()),
        ("POST", "/api/v1/configmaps"),
    ):
        assert api.call(method, path, {})[0] == 405
    assert api.call("GET", f"{api.config_maps('a')}/status")[0] == 404


class Logs:
    """A log that says what it was asked for, or breaks."""

    async def stream(self, namespace: str, name: str, **how: object) -> AsyncIterator[bytes]:
        """Two chunks, or a failure."""
        if name == "broken":
            raise ConnectionError("the node does not answer")
        yield json.dumps(how).encode()
        yield b"\nend\n"


def test_logs_come_from_whoever_keeps_them(tmp_path: Path) -> None:
    with testing.start(tmp_path, testing.Parts(pod_logs=Logs())) as server:
        api = Api(server)
        for name in ("a", "broken"):
            api.ok("POST", api.pods(), pod(name))
        api.ok(
            "POST",
            api.pods(),
            pod("two", containers=[{"name": "x", "image": "i"}, {"name": "y", "image": "i"}]),
        )
        for follow in (False, True):
            query = f"?tailLines=5&previous=true&follow={str(follow).lower()}"
            code, content, headers = api.raw("GET", f"{api.pods('a')}/log{query}")
            assert (code, headers["Content-Type"]) == (200, "text/plain")
            asked, end = content.splitlines()
            assert json.loads(asked) == {"container": "c", "follow": follow, "tail": 5, "previous": True}
            assert end == b"end"
        assert "choose one of: [x y]" in api.call("GET", f"{api.pods('two')}/log")[1]["message"]
        assert "not valid for pod two" in api.call("GET", f"{api.pods('two')}/log?container=z")[1]["message"]
        assert api.raw("GET", f"{api.pods('a')}/log?limitBytes=4")[1] == b'{"co'
        code, body = api.call("GET", f"{api.pods('broken')}/log")
        assert (code, "the node does not answer" in body["message"]) == (500, True)
        assert api.call("GET", f"{api.pods('none')}/log")[0] == 404


def test_keys_and_tokens_are_for_the_user_alone(api: Api) -> None:
    home = api.server.home
    for path in (*home.pki.iterdir(), *home.tokens.iterdir(), home.kubeconfig, home.store):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_failing_admission_is_logged_and_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> admission.Admitted:
        raise RuntimeError("a defect")

    def admit(resource, operation, new, old):  # type: ignore[no-untyped-def]  # the shape of Admit
        return broken() if resource.kind == "ConfigMap" else testing.admit(resource, operation, new, old)

    with testing.start(tmp_path, testing.Parts(admission=admit)) as server:
        api = Api(server)
        code, body = api.call("POST", api.config_maps(), {"metadata": {"name": "a"}})
        assert (code, body["reason"]) == (500, "InternalError")
        assert "a request failed" in caplog.text
        assert api.call("GET", api.config_maps())[0] == 200
