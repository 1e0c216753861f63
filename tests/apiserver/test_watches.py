"""Watches: replay, selectors, bookmarks, expired versions, Tables, many watchers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from openfunction_py.apiserver import testing
from tests.apiserver.api import Api

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def take(events: Iterator[dict], count: int) -> list[tuple[str, str]]:  # type: ignore[type-arg]  # JSON documents
    """Type and name of the next events."""
    found = [next(events) for _ in range(count)]
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in found]


def test_changes_come_as_they_are_committed(api: Api) -> None:
    version = api.ok("GET", api.config_maps())["metadata"]["resourceVersion"]
    with api.watch(api.config_maps(), f"&resourceVersion={version}") as events:
        api.create_map("a")
        api.patch(api.config_maps("a"), {"data": {"a": "2"}})
        api.ok("DELETE", api.config_maps("a"))
        assert take(events, 3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_watch_resumes_behind_a_version(api: Api) -> None:
    made = api.create_map("a")
    api.create_map("b")
    api.ok("DELETE", api.config_maps("a"))
    with api.watch(api.config_maps(), f"&resourceVersion={made['metadata']['resourceVersion']}") as events:
        assert take(events, 2) == [("ADDED", "b"), ("DELETED", "a")]


def test_without_a_version_the_present_comes_first(api: Api) -> None:
    api.create_map("a")
    with api.watch(api.config_maps()) as events:
        assert take(events, 1) == [("ADDED", "a")]
        api.create_map("b")
        assert take(events, 1) == [("ADDED", "b")]


def test_initial_events_end_with_a_bookmark(api: Api) -> None:
    api.create_map("a")
    query = "&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    with api.watch(api.config_maps(), query) as events:
        assert take(events, 1) == [("ADDED", "a")]
        mark = next(events)
    assert (mark["type"], mark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_that_resumes_says_when_it_is_up_to_date(api: Api) -> None:
    made = api.create_map("a")
    api.create_map("b")
    version = made["metadata"]["resourceVersion"]
    with api.watch(api.config_maps(), f"&resourceVersion={version}&allowWatchBookmarks=true") as events:
        assert take(events, 1) == [("ADDED", "b")]
        mark = next(events)
        api.create_map("c")
        assert take(events, 1) == [("ADDED", "c")]
    assert mark["type"] == "BOOKMARK"


def test_leaving_a_selection_is_a_deletion_and_entering_it_an_addition(api: Api) -> None:
    api.create_map("a", labels={"in": "no"})
    with api.watch(api.config_maps(), "&labelSelector=in%3Dyes") as events:
        for value in ("yes", "yes", "no", "yes"):
            api.patch(api.config_maps("a"), {"metadata": {"labels": {"in": value}}, "data": {"turn": value}})
        api.patch(api.config_maps("a"), {"data": {"turn": "last"}})
        api.ok("DELETE", api.config_maps("a"))
        assert take(events, 5) == [
            ("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"),
        ]  # fmt: skip


def test_one_object_is_watched_by_its_name(api: Api) -> None:
    api.create_map("a")
    api.create_map("b")
    with api.watch(api.config_maps(), "&fieldSelector=metadata.name%3Db") as events:
        api.patch(api.config_maps("a"), {"data": {"x": "1"}})
        api.patch(api.config_maps("b"), {"data": {"x": "1"}})
        assert take(events, 2) == [("ADDED", "b"), ("MODIFIED", "b")]


def test_other_namespaces_are_not_seen(api: Api) -> None:
    with api.watch(api.config_maps()) as events:
        Api(api.server).create_map(f"x-{api.namespace}")
        api.create_map("mine")
        assert take(events, 1) == [("ADDED", "mine")]


def test_events_of_a_table_watch_name_the_columns_once(api: Api) -> None:
    api.create_map("a")
    api.create_map("b")
    with api.watch(api.config_maps(), accept=TABLE) as events:
        first, second = next(events)["object"], next(events)["object"]
    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Age"]
    assert (first["rows"][0]["cells"][0], second["rows"][0]["cells"][0]) == ("a", "b")
    assert second["columnDefinitions"] == []


def test_a_watch_ends_when_its_time_is_over(api: Api) -> None:
    with api.watch(api.config_maps(), "&timeoutSeconds=1") as events:
        assert list(events) == []


def test_a_compacted_version_is_expired(tmp_path: Path) -> None:
    with testing.start(tmp_path, testing.Parts(history_changes=10)) as server:
        api = Api(server)
        first = api.create_map("a")["metadata"]["resourceVersion"]
        for number in range(20):
            api.patch(api.config_maps("a"), {"data": {"n": str(number)}})
        with api.watch(api.config_maps(), f"&resourceVersion={first}") as events:
            event = next(events)
            assert (event["type"], event["object"]["code"], event["object"]["reason"]) == (
                "ERROR",
                410,
                "Expired",
            )
            assert list(events) == []
        page = api.ok("GET", f"{api.config_maps()}?limit=1")["metadata"]
        assert "continue" not in page
        code, body = api.call(
            "GET", f"{api.config_maps()}?resourceVersion={first}&resourceVersionMatch=Exact"
        )
        assert (code, body["reason"]) == (410, "Expired")


def test_fifty_watchers_hear_everything_while_requests_are_answered(api: Api) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(api.watch(api.config_maps())) for _ in range(50)]
        for number in range(20):
            api.create_map(f"m{number}")
        assert len(api.ok("GET", api.config_maps())["items"]) == 20
        for events in streams:
            assert take(events, 20) == [("ADDED", f"m{number}") for number in range(20)]


def test_a_watcher_that_went_away_is_forgotten(api: Api) -> None:
    before = api.server.store.watchers
    with api.watch(api.config_maps()) as events:
        api.create_map("a")
        next(events)
        assert api.server.store.watchers == before + 1
    for number in range(50):
        api.create_map(f"b{number}")
        if api.server.store.watchers == before:
            break
    assert api.server.store.watchers == before


def test_lines_are_plain_json(api: Api) -> None:
    api.create_map("a")
    connection = api.connect()
    connection.request(
        "GET",
        f"{api.config_maps()}?watch=true&timeoutSeconds=1",
        headers={"Authorization": f"Bearer {api.token}"},
    )
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.read())["type"] == "ADDED"
    connection.close()
