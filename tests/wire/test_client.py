"""The typed client's verbs: the same on the embedded server and on a real kube-apiserver."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from openfunction_py.api.functions import Function
from openfunction_py.api.upstream.apps import Deployment
from openfunction_py.api.upstream.core import ConfigMap, Secret
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.kube.oneshot import OneShot
from tests.wire.servers import Server


def config_map(
    namespace: str, name: str = "a", *, labels: dict[str, str] | None = None, **data: str
) -> ConfigMap:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    return ConfigMap.model_validate({"metadata": meta, "data": data})


def function(namespace: str, name: str = "hello") -> Function:
    return Function.model_validate(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"image": "registry.local/hello:v1", "serving": {"triggers": {"http": {"port": 8080}}}},
        }
    )


async def test_what_is_created_can_be_read_and_a_second_one_is_refused(
    wire_client: Client, namespace: str
) -> None:
    made = await wire_client.create(config_map(namespace, key="1"))
    assert made.metadata.uid
    assert (await wire_client.get(ConfigMap, "a", namespace=namespace)).data == {"key": "1"}
    with pytest.raises(errors.AlreadyExists, match='"a" already exists'):
        await wire_client.create(config_map(namespace))


async def test_what_does_not_exist_is_not_found_by_name(wire_client: Client, namespace: str) -> None:
    with pytest.raises(errors.NotFound, match='"none" not found') as caught:
        await wire_client.get(ConfigMap, "none", namespace=namespace)
    assert caught.value.details["name"] == "none"


async def test_a_name_can_be_made_from_a_prefix(wire_client: Client, namespace: str) -> None:
    meta = {"generateName": "part-", "namespace": namespace}
    made = await wire_client.create(ConfigMap.model_validate({"metadata": meta}))
    assert made.metadata.name.startswith("part-")


async def test_an_object_changed_meanwhile_is_a_conflict(wire_client: Client, namespace: str) -> None:
    old = await wire_client.create(config_map(namespace, key="1"))
    await wire_client.patch(ConfigMap, "a", {"data": {"key": "2"}}, namespace=namespace)
    with pytest.raises(errors.Conflict, match="the object has been modified"):
        await wire_client.replace(old.model_copy(update={"data": {"key": "3"}}))


async def test_labels_and_fields_select(wire_client: Client, namespace: str) -> None:
    for name, tier in (("a", "front"), ("b", "back"), ("c", "front")):
        await wire_client.create(config_map(namespace, name, labels={"tier": tier}))

    async def names(**selectors: str) -> list[str]:
        page = await wire_client.list(ConfigMap, namespace=namespace, **selectors)
        return [one.metadata.name for one in page.items]

    assert await names(labels="tier=front") == ["a", "c"]
    assert await names(labels="tier in (back),tier!=front") == ["b"]
    assert await names(labels="!tier") == []
    assert await names(fields="metadata.name=c") == ["c"]


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("merge", {"data": {"old": None, "new": "2"}}),
        ("json", [{"op": "remove", "path": "/data/old"}, {"op": "add", "path": "/data/new", "value": "2"}]),
        ("strategic", {"data": {"old": None, "new": "2"}}),
    ],
)
async def test_patches_change_only_what_they_say(
    wire_client: Client, namespace: str, kind: Any, patch: object
) -> None:
    await wire_client.create(config_map(namespace, old="1", kept="1"))
    patched = await wire_client.patch(ConfigMap, "a", patch, namespace=namespace, kind=kind)
    assert patched.data == {"kept": "1", "new": "2"}


async def test_an_apply_takes_away_what_it_no_longer_says_and_leaves_what_others_own(
    wire_client: Client, namespace: str
) -> None:
    await wire_client.apply(config_map(namespace, ours="1", dropped="1"), manager="us")
    await wire_client.apply(config_map(namespace, theirs="1"), manager="them")
    applied = await wire_client.apply(config_map(namespace, ours="2"), manager="us")
    assert applied.data == {"ours": "2", "theirs": "1"}


async def test_an_apply_of_the_same_again_writes_nothing(wire_client: Client, namespace: str) -> None:
    first = await wire_client.apply(config_map(namespace, key="1"), manager="us")
    again = await wire_client.apply(config_map(namespace, key="1"), manager="us")
    assert first.metadata.resource_version == again.metadata.resource_version


async def test_an_apply_without_force_refuses_what_another_owns(wire_client: Client, namespace: str) -> None:
    await wire_client.apply(config_map(namespace, key="1"), manager="them")
    with pytest.raises(errors.Conflict, match="them"):
        await wire_client.apply(config_map(namespace, key="2"), manager="us", force=False)
    assert (await wire_client.apply(config_map(namespace, key="2"), manager="us")).data == {"key": "2"}


async def test_generation_moves_with_the_spec_alone(wire_client: Client, namespace: str) -> None:
    made = await wire_client.create(function(namespace))
    assert made.metadata.generation == 1
    status = made.model_copy(
        update={"status": Function.model_validate({"status": {"observedGeneration": 1}}).status}
    )
    seen = await wire_client.apply(status, manager="us", subresource="status")
    assert (seen.metadata.generation, seen.status.observed_generation) == (1, 1)
    moved = await wire_client.patch(Function, "hello", {"spec": {"version": "v2"}}, namespace=namespace)
    assert (moved.metadata.generation, moved.status.observed_generation) == (2, 1)


async def test_a_status_does_not_travel_with_the_main_resource(wire_client: Client, namespace: str) -> None:
    await wire_client.create(function(namespace))
    patched = await wire_client.patch(
        Function, "hello", {"status": {"observedGeneration": 9}}, namespace=namespace
    )
    assert not patched.to_wire().get("status")


async def test_an_invalid_object_names_the_field(wire_client: Client, namespace: str) -> None:
    wrong = function(namespace).to_wire()
    wrong["spec"]["serving"]["triggers"]["http"]["port"] = "eighty"
    code, body, _ = await wire_client.raw(
        "POST",
        f"/apis/core.openfunction.io/v1beta2/namespaces/{namespace}/functions",
        body=json.dumps(wrong).encode(),
        headers={"Content-Type": "application/json"},
    )
    error = errors.from_status(code, body)
    assert isinstance(error, errors.Invalid)
    assert "spec.serving.triggers.http.port" in error.message


async def test_a_delete_wants_the_right_uid_and_is_content_when_it_is_gone(
    wire_client: Client, namespace: str
) -> None:
    made = await wire_client.create(config_map(namespace))
    with pytest.raises(errors.Conflict):
        await wire_client.delete(ConfigMap, "a", namespace=namespace, uid="another")
    for _ in range(2):
        await wire_client.delete(ConfigMap, "a", namespace=namespace)
    with pytest.raises(errors.NotFound):
        await wire_client.get(ConfigMap, "a", namespace=namespace)
    assert made.metadata.uid


async def test_a_finalizer_keeps_an_object_until_it_is_taken_off(wire_client: Client, namespace: str) -> None:
    meta = {"name": "a", "namespace": namespace, "finalizers": ["openfunction.io/test"]}
    await wire_client.create(ConfigMap.model_validate({"metadata": meta}))
    await wire_client.delete(ConfigMap, "a", namespace=namespace)
    waiting = await wire_client.get(ConfigMap, "a", namespace=namespace)
    assert waiting.metadata.deletion_timestamp
    await wire_client.patch(ConfigMap, "a", {"metadata": {"finalizers": None}}, namespace=namespace)
    with pytest.raises(errors.NotFound):
        await wire_client.get(ConfigMap, "a", namespace=namespace)


async def test_a_watch_continues_a_list_without_gap(wire_client: Client, namespace: str) -> None:
    await wire_client.create(config_map(namespace, "before"))
    listed = await wire_client.list(ConfigMap, namespace=namespace)
    await wire_client.create(config_map(namespace, "after"))
    await wire_client.patch(ConfigMap, "after", {"data": {"key": "1"}}, namespace=namespace)
    await wire_client.delete(ConfigMap, "after", namespace=namespace)
    events = wire_client.watch(ConfigMap, namespace=namespace, resource_version=listed.resource_version)
    async with asyncio.timeout(10), aclosing(events):
        seen = [await anext(events) for _ in range(3)]
    assert [(one.type, one.object.metadata.name) for one in seen] == [
        ("ADDED", "after"),
        ("MODIFIED", "after"),
        ("DELETED", "after"),
    ]
    versions = [int(one.resource_version) for one in seen]
    assert versions == sorted(set(versions))


async def test_leaving_a_selector_is_a_deletion_to_its_watchers(wire_client: Client, namespace: str) -> None:
    start = (await wire_client.list(ConfigMap, namespace=namespace)).resource_version
    await wire_client.create(config_map(namespace, labels={"tier": "front"}))
    await wire_client.patch(ConfigMap, "a", {"metadata": {"labels": {"tier": "back"}}}, namespace=namespace)
    events = wire_client.watch(ConfigMap, namespace=namespace, labels="tier=front", resource_version=start)
    async with asyncio.timeout(10), aclosing(events):
        assert [(await anext(events)).type for _ in range(2)] == ["ADDED", "DELETED"]


async def test_a_watch_ends_when_its_time_is_over(wire_client: Client, namespace: str) -> None:
    start = (await wire_client.list(ConfigMap, namespace=namespace)).resource_version
    async with asyncio.timeout(20):
        events = wire_client.watch(ConfigMap, namespace=namespace, resource_version=start, timeout=1)
        assert [event.type async for event in events if event.type != "BOOKMARK"] == []


async def test_scale_is_a_subresource_of_what_can_be_scaled(wire_client: Client, namespace: str) -> None:
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    meta = {"name": "a", "namespace": namespace}
    await wire_client.create(Deployment.model_validate({"metadata": meta, "spec": spec}))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/a/scale"
    headers = {"Content-Type": "application/merge-patch+json"}
    code, body, _ = await wire_client.raw("PATCH", path, body=b'{"spec":{"replicas":3}}', headers=headers)
    assert (code, json.loads(body)["spec"]["replicas"]) == (200, 3)
    assert (await wire_client.get(Deployment, "a", namespace=namespace)).spec.replicas == 3


async def test_a_secret_keeps_its_bytes(wire_client: Client, namespace: str) -> None:
    meta = {"name": "s", "namespace": namespace}
    made = await wire_client.create(Secret.model_validate({"metadata": meta, "stringData": {"key": "value"}}))
    assert made.data == {"key": "dmFsdWU="}


async def test_a_namespace_that_does_not_exist_takes_nothing(wire_client: Client) -> None:
    with pytest.raises(errors.NotFound, match='namespaces "nowhere" not found'):
        await wire_client.create(config_map("nowhere"))


async def test_a_wrong_token_is_unauthorized(server: Server) -> None:
    door = OneShot(server.endpoint)
    code, body = door.request("GET", "/api/v1/namespaces", headers={"Authorization": "Bearer wrong"})
    door.close()
    assert (code, json.loads(body)["reason"]) == (401, "Unauthorized")


async def test_the_plain_transport_sees_what_the_typed_client_wrote(
    server: Server, wire_client: Client, namespace: str
) -> None:
    await wire_client.create(config_map(namespace, key="1"))
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    door = OneShot(server.endpoint)

    def look() -> tuple[Any, Any]:
        code, body = door.request("GET", path)
        assert code == 200
        lines = door.stream("GET", path, params={"watch": "true", "timeoutSeconds": "5"})
        return json.loads(body)["items"], json.loads(next(lines))

    items, event = await asyncio.to_thread(look)
    door.close()
    assert [one["metadata"]["name"] for one in items if one["metadata"]["name"] == "a"] == ["a"]
    assert event["type"] == "ADDED"
