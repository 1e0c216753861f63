"""The life of objects on the wire: create, read, update, status, generation, versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.api import MERGE, Api, function


def test_a_new_object_has_an_identity_and_its_defaults(api: Api) -> None:
    made = api.ok("POST", api.functions(), function("a"))
    assert made["metadata"]["uid"]
    assert made["metadata"]["creationTimestamp"].endswith("Z")
    assert made["metadata"]["generation"] == 1
    assert made["spec"]["serving"]["triggers"]["http"]["timeoutSeconds"] == 300
    assert api.ok("GET", api.functions("a")) == made


def test_a_name_is_taken_once(api: Api) -> None:
    api.create_map("a")
    code, body = api.call("POST", api.config_maps(), {"metadata": {"name": "a"}})
    assert (code, body["reason"]) == (409, "AlreadyExists")
    assert body["message"] == 'configmaps "a" already exists'
    assert body["details"] == {"name": "a", "kind": "configmaps"}


def test_generate_name_completes_the_base(api: Api) -> None:
    names = {
        api.ok("POST", api.config_maps(), {"metadata": {"generateName": "x-"}})["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("x-") and len(name) == 7 for name in names)


def test_what_is_missing_is_a_404_with_details(api: Api) -> None:
    code, body = api.call("GET", api.functions("nope"))
    assert (code, body["reason"]) == (404, "NotFound")
    assert body["message"] == 'functions.core.openfunction.io "nope" not found'
    assert body["details"] == {"name": "nope", "group": "core.openfunction.io", "kind": "functions"}


def test_a_namespace_that_does_not_exist_takes_nothing(api: Api) -> None:
    code, body = api.call("POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}})
    assert (code, body["message"]) == (404, 'namespaces "nowhere" not found')


def test_every_error_of_an_object_is_named_at_once(api: Api) -> None:
    wrong = function("Bad_Name", version=5, image=7)
    code, body = api.call("POST", api.functions(), wrong)
    assert (code, body["reason"]) == (422, "Invalid")
    assert {"metadata.name", "spec.version", "spec.image"} <= {
        cause["field"] for cause in body["details"]["causes"]
    }
    assert api.call("GET", api.functions("Bad_Name"))[0] == 404


def test_another_kind_or_namespace_in_the_body_is_refused(api: Api) -> None:
    code, body = api.call("POST", api.config_maps(), {"kind": "Secret", "metadata": {"name": "a"}})
    assert (code, body["reason"]) == (400, "BadRequest")
    code, body = api.call("POST", api.config_maps(), {"metadata": {"name": "a", "namespace": "other"}})
    assert (code, body["message"]) == (
        400, "the namespace of the provided object does not match the namespace sent on the request",
    )  # fmt: skip


def test_an_update_with_an_old_version_is_a_conflict(api: Api) -> None:
    made = api.ok("POST", api.functions(), function("a"))
    api.patch(api.functions("a"), {"metadata": {"labels": {"x": "y"}}})
    code, body = api.call("PUT", api.functions("a"), made)
    assert (code, body["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in body["message"]


def test_an_update_without_a_version_is_refused_for_custom_kinds_only(api: Api) -> None:
    api.ok("POST", api.functions(), function("a"))
    code, body = api.call("PUT", api.functions("a"), function("a"))
    assert (code, body["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")
    api.create_map("m")
    assert api.ok("PUT", api.config_maps("m"), {"metadata": {"name": "m"}, "data": {"b": "2"}})["data"] == {
        "b": "2"
    }


def test_the_generation_counts_changes_of_spec_alone(api: Api) -> None:
    api.ok("POST", api.functions(), function("a"))
    assert api.patch(api.functions("a"), {"metadata": {"labels": {"x": "y"}}})["metadata"]["generation"] == 1
    assert api.patch(api.functions("a"), {"spec": {"version": "v2"}})["metadata"]["generation"] == 2
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert api.patch(f"{api.functions('a')}/status", status)["metadata"]["generation"] == 2


def test_status_is_written_through_its_own_path_only(api: Api) -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert "status" not in api.ok("POST", api.functions(), {**function("a"), "status": status})
    assert "status" not in api.patch(api.functions("a"), {"status": status})
    written = api.patch(f"{api.functions('a')}/status", {"spec": {"version": "v9"}, "status": status})
    assert written["status"]["conditions"][0]["type"] == "Ready"
    assert written["spec"]["version"] == "v1"


def test_a_write_that_changes_nothing_has_no_new_version(api: Api) -> None:
    made = api.ok("POST", api.functions(), function("a"))
    version = made["metadata"]["resourceVersion"]
    assert api.ok("PUT", api.functions("a"), made)["metadata"]["resourceVersion"] == version
    assert (
        api.patch(api.functions("a"), {"spec": {"version": "v1"}})["metadata"]["resourceVersion"] == version
    )


def test_identity_cannot_be_changed(api: Api) -> None:
    made = api.create_map("a")
    changed = api.patch(api.config_maps("a"), {"metadata": {"creationTimestamp": "2000-01-01T00:00:00Z"}})
    assert changed["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    code, body = api.call(
        "PATCH", api.config_maps("a"), {"metadata": {"uid": "other"}}, media="application/merge-patch+json"
    )
    assert (code, body["reason"]) == (409, "Conflict")
    assert (
        api.call(
            "PATCH", api.config_maps("a"), {"metadata": {"name": "b"}}, media="application/merge-patch+json"
        )[0]
        == 400
    )


def test_a_dry_run_answers_and_stores_nothing(api: Api) -> None:
    code, body = api.call("POST", f"{api.config_maps()}?dryRun=All", {"metadata": {"name": "a"}})
    assert (code, body["metadata"]["name"]) == (201, "a")
    assert api.call("GET", api.config_maps("a"))[0] == 404
    api.create_map("a")
    assert api.ok("DELETE", f"{api.config_maps('a')}?dryRun=All")["status"] == "Success"
    assert api.call("GET", api.config_maps("a"))[0] == 200


def test_unknown_fields_are_refused_warned_about_or_dropped(api: Api) -> None:
    odd = function("a", colour="red")
    code, body = api.call("POST", f"{api.functions()}?fieldValidation=Strict", odd)
    assert code == 400
    assert 'strict decoding error: unknown field "spec.colour"' in body["message"]
    code, content, headers = _post(api, f"{api.functions()}?fieldValidation=Warn&dryRun=All", odd)
    assert (code, headers["Warning"]) == (201, '299 - "unknown field \\"spec.colour\\""')
    code, content, headers = _post(api, f"{api.functions()}?fieldValidation=Ignore", odd)
    assert headers["Warning"] is None
    assert b"colour" not in content


def _post(api: Api, path: str, value: object) -> tuple[int, bytes, dict[str, str | None]]:
    import json  # noqa: PLC0415 - used here alone

    code, content, headers = api.raw(
        "POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    return code, content, {"Warning": headers["Warning"]}


def test_secrets_keep_plain_text_as_data(api: Api) -> None:
    path = f"/api/v1/namespaces/{api.namespace}/secrets"
    made = api.ok("POST", path, {"metadata": {"name": "s"}, "stringData": {"p": "q"}})
    assert (made["data"], made["type"], "stringData" in made) == ({"p": "cQ=="}, "Opaque", False)


def test_fields_nobody_here_knows_are_kept_on_upstream_kinds(api: Api) -> None:
    path = f"/apis/serving.knative.dev/v1/namespaces/{api.namespace}/services"
    spec = {"template": {"spec": {"containers": [{"name": "c", "image": "x", "novel": {"deep": [1, 2]}}]}}}
    made = api.ok("POST", path, {"metadata": {"name": "s"}, "spec": spec})
    assert made["spec"] == spec


@pytest.mark.parametrize("depth", [200, 900])
def test_what_is_nested_too_deeply_is_refused(api: Api, depth: int) -> None:
    api.ok("POST", api.functions(), function("f"))
    deep: dict[str, Any] = {}
    for _ in range(depth):
        deep = {"a": deep}
    spec = {"serving": {"template": deep}}
    code, body = api.call("POST", api.functions(), function("g", **spec))
    assert (code, "nested too deeply" in body["message"]) == (400, True)
    code, body = api.call("PATCH", api.functions("f"), {"spec": spec}, media=MERGE)
    assert (code, "nested too deeply" in body["message"]) == (400, True)
