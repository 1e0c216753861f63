"""The typed client against a small server; its verbs against whole servers are in tests/wire."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from contextlib import aclosing

import pytest
from aiohttp import web

from openfunction_py.api.upstream.core import ConfigMap, Pod
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from tests import waiting
from tests.kube.fake_api import FakeApi


async def test_a_list_is_read_page_by_page(api: FakeApi, client: Client) -> None:
    api.page_size = 2
    for name in "abcde":
        await api.put(name)
    page = await client.list(ConfigMap)
    assert [one.metadata.name for one in page.items] == list("abcde")
    assert (page.resource_version, page.next) == (str(api.version), "")
    assert len(api.requests) == 3


async def test_selectors_travel_with_every_page(api: FakeApi, client: Client) -> None:
    api.page_size = 1
    await api.put("a")
    await api.put("b")
    await client.list(ConfigMap, labels="x=1", fields="metadata.name=a")
    assert len(api.asked(labelSelector="x=1", fieldSelector="metadata.name=a")) == 2


async def test_a_watch_yields_what_happens_and_where_to_go_on(api: FakeApi, client: Client) -> None:
    await api.put("a", key="1")
    await api.put("a", key="2")
    await api.remove("a")
    await api.bookmark()
    events = client.watch(ConfigMap, resource_version="1")
    async with aclosing(events):
        seen = [await anext(events) for _ in range(4)]
    assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    assert seen[1].object.data == {"key": "2"}
    assert [event.resource_version for event in seen] == ["2", "3", "4", "4"]


async def test_a_watch_that_the_server_ends_just_ends(api: FakeApi, client: Client) -> None:
    await api.put("a")
    seen = []
    async for event in client.watch(ConfigMap, resource_version="1"):
        seen.append(event.type)
        await api.end_watches()
    assert seen == ["ADDED"]


async def test_a_version_too_old_is_gone(api: FakeApi, client: Client) -> None:
    await api.put("a")
    api.forget_history()
    with pytest.raises(errors.Gone, match="too old"):
        await anext(client.watch(ConfigMap, resource_version="1"))


async def test_an_error_event_inside_a_watch_is_raised(api: FakeApi, client: Client) -> None:
    line = json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "cut"}})
    api.refusals.append(web.Response(text=line + "\n"))
    with pytest.raises(errors.Gone, match="cut"):
        await anext(client.watch(ConfigMap, resource_version="1"))


async def test_leaving_a_watch_closes_its_connection(api: FakeApi, client: Client) -> None:
    await api.put("a")
    events = client.watch(ConfigMap, resource_version="1")
    await anext(events)
    assert api.open_watches == 1
    await events.aclose()
    await waiting.until(lambda: api.open_watches == 0)


async def test_a_cancelled_watch_ends_at_once(api: FakeApi, client: Client) -> None:
    async def follow() -> None:
        async for _ in client.watch(ConfigMap, resource_version="1"):
            pass

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        await waiting.until(lambda: api.open_watches)
        task.cancel()


async def test_an_object_larger_than_any_buffer_arrives_whole(api: FakeApi, client: Client) -> None:
    await api.put("big", key="x" * 900_000)
    event = await anext(events := client.watch(ConfigMap, resource_version="1"))
    await events.aclose()
    assert len(event.object.data["key"]) == 900_000


async def test_an_object_that_does_not_fit_hides_no_other(api: FakeApi, client: Client) -> None:
    await api.put("odd")
    await api.put("sound")
    api.objects["odd"]["data"] = "not a mapping"
    assert [one.metadata.name for one in (await client.list(ConfigMap)).items] == ["sound"]


async def test_a_single_object_that_does_not_fit_is_an_error(api: FakeApi, client: Client) -> None:
    api.refusals.append(web.json_response({"metadata": {"name": "a"}, "data": "not a mapping"}))
    with pytest.raises(errors.Undecodable):
        await client.get(ConfigMap, "a", namespace="ns")


async def test_deleting_what_is_gone_is_success(api: FakeApi, client: Client) -> None:
    api.refuse(404, "NotFound")
    await client.delete(ConfigMap, "a", namespace="ns")


async def test_a_server_that_is_down_is_unreachable(api: FakeApi, client: Client) -> None:
    await api.stop()
    with pytest.raises(errors.Unreachable, match=f"no answer from http://127.0.0.1:{api.port}"):
        await client.list(ConfigMap)


async def test_a_token_no_longer_taken_is_renewed_once(api: FakeApi) -> None:
    endpoint = dataclasses.replace(api.endpoint, refresh=lambda: "second")
    api.refuse(401, "Unauthorized")
    async with clients.Client(endpoint) as client:
        await client.list(ConfigMap)
        await client.list(ConfigMap)
    sent = [request.headers["Authorization"] for request in api.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]


async def test_a_log_comes_as_it_is(api: FakeApi, client: Client) -> None:
    api.refusals.append(web.Response(body=b"one\ntwo"))
    pieces = [piece async for piece in client.logs("p", namespace="ns", container="c", tail=0, follow=True)]
    assert b"".join(pieces) == b"one\ntwo"
    assert dict(api.requests[0].query) == {"container": "c", "follow": "true", "tailLines": "0"}


def test_intent_leaves_out_what_the_server_sets() -> None:
    pod = Pod.model_validate(
        {
            "metadata": {
                "name": "p",
                "namespace": "ns",
                "uid": "u",
                "resourceVersion": "7",
                "labels": {"a": "b"},
            },
            "status": {"phase": "Running"},
        }
    )
    meta = {"name": "p", "namespace": "ns"}
    assert clients.intent(pod)["metadata"] == {**meta, "labels": {"a": "b"}}
    assert "status" not in clients.intent(pod)
    status = clients.intent(pod, "status")
    assert (status["metadata"], status["status"]) == (meta, {"phase": "Running"})


def test_an_object_without_a_name_has_no_path() -> None:
    with pytest.raises(ValueError, match="without a name"):
        clients.object_path(ConfigMap, "ns", "")
