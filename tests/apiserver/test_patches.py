"""Patches of every kind, scale, and what is refused."""

from __future__ import annotations

from tests.apiserver.api import JSON_PATCH, STRATEGIC, Api, deployment, function


def test_a_merge_patch_sets_and_removes(api: Api) -> None:
    api.create_map("a")
    assert api.patch(api.config_maps("a"), {"data": {"b": "2", "a": None}})["data"] == {"b": "2"}


def test_a_json_patch_is_applied_in_order(api: Api) -> None:
    api.create_map("a")
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    assert api.patch(api.config_maps("a"), operations, JSON_PATCH)["data"] == {"a": "2"}
    code, body = api.call("PATCH", api.config_maps("a"), operations, media=JSON_PATCH)
    assert (code, body["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in body["details"]["causes"]] == ["patch"]


def test_strategic_merge_joins_containers_by_name(api: Api) -> None:
    api.ok("POST", api.deployments(), deployment("d"))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "new"}]}}}}
    containers = api.patch(api.deployments("d"), patch, STRATEGIC)["spec"]["template"]["spec"]["containers"]
    assert [(item["name"], item["image"]) for item in containers] == [("c", "new"), ("s", "j")]
    gone = {"spec": {"template": {"spec": {"containers": [{"name": "s", "$patch": "delete"}]}}}}
    containers = api.patch(api.deployments("d"), gone, STRATEGIC)["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in containers] == ["c"]


def test_strategic_merge_is_not_for_custom_kinds(api: Api) -> None:
    api.ok("POST", api.functions(), function("a"))
    code, body = api.call("PATCH", api.functions("a"), {}, media=STRATEGIC)
    assert (code, body["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in body["message"]


def test_scale_sets_replicas_through_the_object(api: Api) -> None:
    api.ok("POST", api.deployments(), deployment("d"))
    scaled = api.patch(f"{api.deployments('d')}/scale", {"spec": {"replicas": 4}})
    assert (scaled["kind"], scaled["spec"]["replicas"], scaled["status"]["selector"]) == ("Scale", 4, "app=d")
    assert api.ok("GET", api.deployments("d"))["spec"]["replicas"] == 4
    scaled["spec"]["replicas"] = 2
    assert api.ok("PUT", f"{api.deployments('d')}/scale", scaled)["spec"]["replicas"] == 2
    code, body = api.call("PUT", f"{api.deployments('d')}/scale", scaled)
    assert (code, body["reason"]) == (409, "Conflict")
    assert api.call("PUT", f"{api.deployments('d')}/scale", {"spec": {"replicas": -1}})[0] == 422


def test_concurrent_patches_of_one_object_all_count(api: Api) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - used here alone

    api.create_map("a")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: api.patch(api.config_maps("a"), {"data": {f"k{n}": "v"}}), range(40)))
    assert len(api.ok("GET", api.config_maps("a"))["data"]) == 41
