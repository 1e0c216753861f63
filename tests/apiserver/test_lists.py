"""Lists: selectors, pages at one revision, Tables and metadata alone."""

from __future__ import annotations

import pytest

from tests.apiserver.api import Api, function, pod

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def names(body: dict) -> list[str]:  # type: ignore[type-arg]  # a JSON document
    """The names in a list."""
    return [item["metadata"]["name"] for item in body["items"]]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a", "b"]),
        ("tier!=web", ["c", "d"]),
        ("tier%20in%20(web,db)", ["a", "b", "c"]),
        ("tier%20notin%20(web)", ["c", "d"]),
        ("tier,canary", ["b"]),
        ("!tier", ["d"]),
        ("tier%20in%20(web),canary%3Dyes", ["b"]),
    ],
)
def test_labels_select(api: Api, selector: str, expected: list[str]) -> None:
    for name, labels in {
        "a": {"tier": "web"},
        "b": {"tier": "web", "canary": "yes"},
        "c": {"tier": "db"},
        "d": {},
    }.items():
        api.create_map(name, labels=labels)
    assert names(api.ok("GET", f"{api.config_maps()}?labelSelector={selector}")) == expected


def test_fields_select(api: Api) -> None:
    for name in ("a", "b"):
        api.ok("POST", api.pods(), pod(name))
    api.patch(f"{api.pods('b')}/status", {"status": {"phase": "Running"}})
    assert names(api.ok("GET", f"{api.pods()}?fieldSelector=metadata.name%3Da")) == ["a"]
    assert names(
        api.ok("GET", f"{api.pods()}?fieldSelector=status.phase%3DRunning,spec.nodeName%3Dlocal")
    ) == ["b"]
    code, body = api.call("GET", f"{api.functions()}?fieldSelector=spec.version%3Dv1")
    assert (code, body["message"]) == (400, "field label not supported: spec.version")


def test_events_are_selected_by_what_they_are_about(api: Api) -> None:
    path = f"/api/v1/namespaces/{api.namespace}/events"
    for name in ("a", "b"):
        about = {"kind": "Pod", "namespace": api.namespace, "name": name, "uid": f"uid-{name}"}
        api.ok("POST", path, {"metadata": {"name": name}, "involvedObject": about, "reason": "Because"})
    wanted = {"name": "a", "namespace": api.namespace, "kind": "Pod", "uid": "uid-a"}
    fields = ",".join(f"involvedObject.{field}%3D{value}" for field, value in wanted.items())
    assert names(api.ok("GET", f"{path}?fieldSelector={fields}")) == ["a"]


def test_pages_show_the_state_of_the_first_page(api: Api) -> None:
    for name in ("a", "b", "c", "d"):
        api.create_map(name)
    first = api.ok("GET", f"{api.config_maps()}?limit=2")
    api.ok("DELETE", api.config_maps("c"))
    api.create_map("cc")
    api.patch(api.config_maps("d"), {"data": {"a": "changed"}})
    second = api.ok("GET", f"{api.config_maps()}?limit=2&continue={first['metadata']['continue']}")
    assert names(first) + names(second) == ["a", "b", "c", "d"]
    assert second["items"][1]["data"] == {"a": "1"}
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


def test_pages_of_a_selection(api: Api) -> None:
    for number in range(6):
        api.create_map(f"m{number}", labels={"even": str(number % 2 == 0).lower()})
    query = f"{api.config_maps()}?labelSelector=even%3Dtrue&limit=2"
    first = api.ok("GET", query)
    second = api.ok("GET", f"{query}&continue={first['metadata']['continue']}")
    assert (names(first), names(second)) == (["m0", "m2"], ["m4"])


def test_a_damaged_continue_is_refused(api: Api) -> None:
    assert api.call("GET", f"{api.config_maps()}?continue=%21%21")[0] == 400


def test_a_revision_that_is_not_given_out_yet_is_named(api: Api) -> None:
    code, body = api.call("GET", f"{api.config_maps()}?resourceVersion=99999999&resourceVersionMatch=Exact")
    assert (code, body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
    code, body = api.call("GET", f"{api.config_maps()}?resourceVersion=99999999")
    assert (code, body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")


def test_a_match_without_a_revision_is_refused(api: Api) -> None:
    code, body = api.call("GET", f"{api.config_maps()}?resourceVersionMatch=NotOlderThan")
    assert (code, body["details"]["causes"][0]["field"]) == (422, "resourceVersionMatch")


def test_all_namespaces_are_listed_together(api: Api) -> None:
    other = Api(api.server)
    api.create_map("only-here")
    body = other.ok("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Donly-here")
    assert [item["metadata"]["namespace"] for item in body["items"]] == [api.namespace]


def test_a_table_has_the_columns_of_the_kind(api: Api) -> None:
    api.ok("POST", api.functions(), function("a"))
    status = {"conditions": [{"type": "Ready", "status": "True"}], "build": {"state": "Succeeded"}}
    api.patch(f"{api.functions('a')}/status", {"status": status})
    body = api.ok("GET", api.functions(), accept=TABLE)
    row = dict(
        zip([column["name"] for column in body["columnDefinitions"]], body["rows"][0]["cells"], strict=True)
    )
    assert (body["kind"], row["Name"], row["Ready"], row["BuildState"]) == ("Table", "a", "True", "Succeeded")
    assert row["Age"].endswith("s")
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_a_pod_row_counts_ready_containers(api: Api) -> None:
    api.ok("POST", api.pods(), pod("a"))
    waiting = {
        "name": "c",
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }
    api.patch(f"{api.pods('a')}/status", {"status": {"phase": "Running", "containerStatuses": [waiting]}})
    cells = api.ok("GET", api.pods("a"), accept=TABLE)["rows"][0]["cells"]
    assert cells[:4] == ["a", "0/1", "CrashLoopBackOff", "3"]


def test_metadata_alone(api: Api) -> None:
    api.create_map("a")
    body = api.ok("GET", api.config_maps(), accept=PARTIAL)
    assert (body["kind"], body["items"][0]["kind"]) == ("PartialObjectMetadataList", "PartialObjectMetadata")
    assert "data" not in body["items"][0]
