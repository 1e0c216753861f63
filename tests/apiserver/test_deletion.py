"""Deletion: finalizers, Pods that wait for their node, propagation, preconditions, collections, namespaces."""

from __future__ import annotations

from tests.apiserver.api import Api, pod


def test_an_object_is_gone_at_once(api: Api) -> None:
    made = api.create_map("a")
    answer = api.ok("DELETE", api.config_maps("a"))
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert api.call("GET", api.config_maps("a"))[0] == 404


def test_a_finalizer_holds_an_object_until_it_is_taken_away(api: Api) -> None:
    api.create_map("a", finalizers=["example.com/x"])
    held = api.ok("DELETE", api.config_maps("a"))
    assert held["metadata"]["deletionTimestamp"]
    code, body = api.call(
        "PATCH", api.config_maps("a"), {"metadata": {"finalizers": ["example.com/x", "example.com/y"]}},
        media="application/merge-patch+json",
    )  # fmt: skip
    assert (code, body["details"]["causes"][0]["field"]) == (422, "metadata.finalizers")
    api.patch(api.config_maps("a"), {"metadata": {"finalizers": None}})
    assert api.call("GET", api.config_maps("a"))[0] == 404


def test_a_pod_on_a_node_waits_for_the_node(api: Api) -> None:
    api.ok("POST", api.pods(), pod("a", terminationGracePeriodSeconds=7))
    marked = api.ok("DELETE", api.pods("a"))
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
    again = api.ok("DELETE", api.pods("a"))
    assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    shorter = api.ok("DELETE", f"{api.pods('a')}?gracePeriodSeconds=2")
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 2
    assert api.ok("DELETE", f"{api.pods('a')}?gracePeriodSeconds=0")["kind"] == "Pod"
    assert api.call("GET", api.pods("a"))[0] == 404


def test_a_pod_without_a_node_or_one_that_ended_goes_at_once(api: Api) -> None:
    api.ok("POST", api.pods(), pod("loose", nodeName=None))
    api.ok("DELETE", api.pods("loose"))
    assert api.call("GET", api.pods("loose"))[0] == 404
    api.ok("POST", api.pods(), pod("done"))
    api.patch(f"{api.pods('done')}/status", {"status": {"phase": "Succeeded"}})
    api.ok("DELETE", api.pods("done"))
    assert api.call("GET", api.pods("done"))[0] == 404


def test_propagation_other_than_background_is_a_finalizer(api: Api) -> None:
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        name = policy.lower()
        api.create_map(name)
        marked = api.ok("DELETE", api.config_maps(name), {"propagationPolicy": policy})
        assert marked["metadata"]["finalizers"] == [finalizer]
    api.create_map("b")
    api.ok("DELETE", f"{api.config_maps('b')}?propagationPolicy=Background")
    assert api.call("GET", api.config_maps("b"))[0] == 404


def test_preconditions_protect_an_object_of_the_same_name(api: Api) -> None:
    made = api.create_map("a")
    code, body = api.call("DELETE", api.config_maps("a"), {"preconditions": {"uid": "other"}})
    assert (code, body["reason"]) == (409, "Conflict")
    api.ok("DELETE", api.config_maps("a"), {"preconditions": {"uid": made["metadata"]["uid"]}})


def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name in ("a", "b", "c"):
        api.create_map(name, labels={"keep": str(name == "c").lower()})
    deleted = api.ok("DELETE", f"{api.config_maps()}?labelSelector=keep%3Dfalse")
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a", "b"]
    assert [item["metadata"]["name"] for item in api.ok("GET", api.config_maps())["items"]] == ["c"]


def test_a_namespace_is_terminating_until_it_is_finalized(api: Api) -> None:
    path = f"/api/v1/namespaces/{api.namespace}"
    marked = api.ok("DELETE", path)
    assert (marked["status"]["phase"], marked["spec"]) == ("Terminating", {"finalizers": ["kubernetes"]})
    code, body = api.call("POST", api.config_maps(), {"metadata": {"name": "a"}})
    assert (code, body["reason"]) == (403, "Forbidden")
    assert body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    api.ok("PUT", f"{path}/finalize", {**marked, "spec": {"finalizers": []}})
    assert api.call("GET", path)[0] == 404


def test_the_permanent_namespaces_stay(api: Api) -> None:
    code, body = api.call("DELETE", "/api/v1/namespaces/default")
    assert (code, body["reason"]) == (403, "Forbidden")
