"""Server-side apply: ownership, conflicts, force, lists with keys, status."""

from __future__ import annotations

from typing import Any

from tests.apiserver.api import Api, deployment, function


def owned(body: dict[str, Any], manager: str) -> Any:
    """The fields a manager owns."""
    return next(
        entry["fieldsV1"] for entry in body["metadata"]["managedFields"] if entry["manager"] == manager
    )


def test_applying_creates_and_then_changes_nothing(api: Api) -> None:
    code, made = api.apply(api.functions("a"), function("a"))
    assert code == 201
    assert owned(made, "tester") == {
        "f:spec": {"f:image": {}, "f:serving": {"f:triggers": {"f:http": {"f:port": {}}}}, "f:version": {}}
    }
    code, again = api.apply(api.functions("a"), function("a"))
    assert (code, again) == (200, made)


def test_a_field_that_is_no_longer_applied_goes_away(api: Api) -> None:
    api.apply(api.config_maps("a"), _map({"a": "1", "b": "2"}))
    assert api.apply(api.config_maps("a"), _map({"a": "1"}))[1]["data"] == {"a": "1"}
    assert "data" not in api.apply(api.config_maps("a"), _map(None))[1]


def test_what_another_manager_owns_stays(api: Api) -> None:
    api.apply(api.config_maps("a"), _map({"a": "1", "b": "2"}))
    api.apply(api.config_maps("a"), _map({"b": "2", "c": "3"}), manager="other")
    assert api.apply(api.config_maps("a"), _map({"a": "1"}))[1]["data"] == {"a": "1", "b": "2", "c": "3"}


def test_another_value_is_a_conflict_until_it_is_forced(api: Api) -> None:
    api.apply(api.config_maps("a"), _map({"a": "1"}))
    code, body = api.apply(api.config_maps("a"), _map({"a": "2"}), manager="other")
    assert (code, body["reason"]) == (409, "Conflict")
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "tester": .data.a'
    assert body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "tester"', "field": ".data.a"}
    ]
    code, body = api.apply(api.config_maps("a"), _map({"a": "2"}), manager="other", query="&force=true")
    assert (code, body["data"]) == (200, {"a": "2"})
    assert owned(body, "other") == {"f:data": {"f:a": {}}}
    assert [entry["manager"] for entry in body["metadata"]["managedFields"]] == ["other"]


def test_several_conflicts_are_listed_by_manager(api: Api) -> None:
    api.apply(api.config_maps("a"), _map({"a": "1", "b": "1"}))
    _, body = api.apply(api.config_maps("a"), _map({"a": "2", "b": "2"}), manager="other")
    assert body["message"] == 'Apply failed with 2 conflicts: conflicts with "tester":\n- .data.a\n- .data.b'


def test_an_update_takes_a_field_over(api: Api) -> None:
    api.apply(api.config_maps("a"), _map({"a": "1"}))
    body = api.patch(f"{api.config_maps('a')}?fieldManager=hand", {"data": {"a": "2"}})
    assert owned(body, "hand") == {"f:data": {"f:a": {}}}
    code, body = api.apply(api.config_maps("a"), _map({"a": "1"}))
    assert code == 409
    assert 'conflict with "hand" using v1 at ' in body["message"]


def test_containers_are_joined_by_name_and_ports_by_their_keys(api: Api) -> None:
    api.apply(api.deployments("d"), deployment("d"))
    side = deployment("d")
    side["spec"]["template"]["spec"]["containers"] = [{"name": "extra", "image": "k"}]
    _, body = api.apply(api.deployments("d"), side, manager="injector")
    assert [item["name"] for item in body["spec"]["template"]["spec"]["containers"]] == ["c", "s", "extra"]
    pods = owned(body, "tester")["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert 'k:{"containerPort":80,"protocol":"TCP"}' in pods['k:{"name":"c"}']["f:ports"]
    side["spec"]["template"]["spec"]["containers"] = []
    _, body = api.apply(api.deployments("d"), side, manager="injector")
    assert [item["name"] for item in body["spec"]["template"]["spec"]["containers"]] == ["c", "s"]


def test_conditions_of_two_writers_live_side_by_side(api: Api) -> None:
    api.ok("POST", api.functions(), function("a"))
    for manager, kind in (("builder", "BuildReady"), ("serving", "ServingReady")):
        _, body = api.apply(f"{api.functions('a')}/status", _status(kind, "True"), manager=manager)
    assert [item["type"] for item in body["status"]["conditions"]] == ["BuildReady", "ServingReady"]
    _, body = api.apply(f"{api.functions('a')}/status", _status("BuildReady", "False"), manager="builder")
    assert [(item["type"], item["status"]) for item in body["status"]["conditions"]] == [
        ("BuildReady", "False"), ("ServingReady", "True"),
    ]  # fmt: skip
    assert body["metadata"]["generation"] == 1


def test_applying_the_object_leaves_status_alone_and_the_other_way_round(api: Api) -> None:
    api.apply(api.functions("a"), {**function("a"), "status": {"conditions": []}})
    both = {**function("a", version="v2"), **_status("Ready", "True")}
    _, body = api.apply(f"{api.functions('a')}/status", both, manager="status")
    assert body["spec"]["version"] == "v1"
    assert owned(body, "status").keys() == {"f:status"}


def test_a_manager_must_be_named_and_managed_fields_left_out(api: Api) -> None:
    code, body = api.call("PATCH", api.config_maps("a"), _map({}), media="application/apply-patch+yaml")
    assert (code, body["details"]["causes"][0]["field"]) == (422, "fieldManager")
    odd = {**_map({}), "metadata": {"name": "a", "managedFields": [{"manager": "x"}]}}
    assert api.apply(api.config_maps("a"), odd)[0] == 400


def test_applying_with_an_outdated_version_is_a_conflict(api: Api) -> None:
    api.create_map("a")
    old = {**_map({"a": "2"}), "metadata": {"name": "a", "resourceVersion": "1"}}
    assert api.apply(api.config_maps("a"), old, query="&force=true")[0] == 409


def test_status_is_not_created_by_applying_it(api: Api) -> None:
    assert api.apply(f"{api.functions('a')}/status", _status("Ready", "True"))[0] == 404


def _map(data: dict[str, str] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    return body if data is None else {**body, "data": data}


def _status(kind: str, value: str) -> dict[str, Any]:
    condition = {"type": kind, "status": value, "reason": "Because"}
    return {
        **{key: function("a")[key] for key in ("apiVersion", "kind", "metadata")},
        "status": {"conditions": [condition]},
    }
