"""Our reconcilers on whole servers, with the published definitions of what they write; the engines are played.

Neither server has Shipwright, Knative or a garbage collector beside it here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.builders import Builder
from openfunction_py.api.functions import Function
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream.core import ConfigMap, Event
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.api.upstream.shipwright import Build, BuildRun
from openfunction_py.controller.cache import Cache
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request
from openfunction_py.kube.client import Client
from openfunction_py.reconcilers import builder, function, gateway, serving
from tests import waiting
from tests.controller.lagging import LaggingCache

NAME = "hello"
SERVICE = "hello-ksvc"
DIGEST = "sha256:" + "a" * 64
SOURCE = {"main.py": "def hello(request):\n    return 'hi'\n", "lib/part.py": "WORD = 'hi'\n"}


@dataclass(frozen=True, slots=True)
class Plane:
    """The reconcilers at work in one namespace, and the engines' parts to play."""

    manager: Manager
    client: Client
    namespace: str

    async def write(self, **spec: Any) -> None:
        """Apply the Function with parts of its spec replaced."""
        build = {"srcRepo": {"inline": SOURCE}, "env": {"FUNC_NAME": NAME}}
        whole = {"image": "hello:v1", "build": build, "serving": {}, **spec}
        body = {
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {key: value for key, value in whole.items() if value is not None},
        }
        await self.client.apply(Function.model_validate(body), manager="test")

    def function(self) -> Function | None:
        """The Function as the cache has it."""
        return self.manager.lister(Function).get(self.namespace, NAME)

    def condition(self, kind: str = "Ready") -> meta.Condition:
        """One of its conditions; an empty one before there is any."""
        found = self.function()
        return (found and meta.find_condition(found.status.conditions, kind)) or meta.Condition(type=kind)

    async def until(self, kind: str, status: str) -> meta.Condition:
        """Wait for a condition of the generation that is there."""

        def holds() -> bool:
            found, seen = self.function(), self.condition(kind)
            return found is not None and (seen.status, seen.observed_generation) == (
                status,
                found.metadata.generation,
            )

        await waiting.until(holds)
        return self.condition(kind)

    async def one(self, model: type[Any], *, but: str = "") -> Any:
        """Wait for one object of a kind beside the named one."""

        def others() -> list[Any]:
            return [
                one for one in self.manager.lister(model).list(self.namespace) if one.metadata.name != but
            ]

        await waiting.until(lambda: len(others()) == 1)
        return others()[0]

    async def end_build(self, run: BuildRun, **status: Any) -> None:
        """Shipwright's part: a run ends, well unless told otherwise."""
        good = {"conditions": [_condition("Succeeded", "True", "Succeeded")], "output": {"digest": DIGEST}}
        patch = {"status": {**good, **status}}
        await self.client.patch(
            BuildRun, run.metadata.name, patch, namespace=self.namespace, subresource="status"
        )

    async def revise(self) -> str:
        """Knative's part: the template becomes a Revision that is ready."""
        service = await self.client.get(KnativeService, SERVICE, namespace=self.namespace)
        name = f"{SERVICE}-{service.metadata.generation:05d}"
        labels = dict(service.spec.template.metadata.labels)
        body = {
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": {"containers": [{"name": "function", "image": "hello:v1"}]},
        }
        await self.client.create(Revision.model_validate(body))
        status = {
            "observedGeneration": service.metadata.generation,
            "latestCreatedRevisionName": name,
            "latestReadyRevisionName": name,
            "conditions": [_condition("Ready", "True", "")],
        }
        await self.client.patch(
            KnativeService, SERVICE, {"status": status}, namespace=self.namespace, subresource="status"
        )
        return name

    async def run_once(self) -> None:
        """From nothing to Ready."""
        await self.write()
        await self.end_build(await self.one(BuildRun))
        await self.one(KnativeService)
        await self.revise()
        await self.until("Ready", "True")


def _condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2024-01-01T00:00:00Z",
    }


@asynccontextmanager
async def at_work(
    client: Client, namespace: str, make_cache: Callable[[], Cache[Any]]
) -> AsyncIterator[Plane]:
    manager = Manager(client, make_cache=make_cache)
    for module in (function, builder, serving, gateway):
        module.install(manager)
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        await manager.synced()
        yield Plane(manager, client, namespace)
        task.cancel()


@pytest.fixture(params=[Cache, LaggingCache], ids=["cache", "lagging"])
async def plane(request: pytest.FixtureRequest, wire_client: Client, namespace: str) -> Callable[[], Any]:
    """The reconcilers over a cache, and over one that lags by an event."""
    await make_gateway(wire_client)
    return lambda: at_work(wire_client, namespace, request.param)


async def make_gateway(client: Client) -> None:
    """The default Gateway, in its own namespace."""
    home = "openfunction"
    code, _, _ = await client.raw("GET", f"/api/v1/namespaces/{home}")
    if code == 404:
        body = b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"openfunction"}}'
        await client.raw(
            "POST", "/api/v1/namespaces", body=body, headers={"Content-Type": "application/json"}
        )
    spec = {
        "domain": "localhost",
        "hostTemplate": "{{.Name}}.{{.Namespace}}.{{.Domain}}",
        "pathTemplate": "{{.Namespace}}/{{.Name}}",
        "gatewayDef": {"gatewayClassName": "openfunction"},
        "gatewaySpec": {"listeners": [{"name": "http", "protocol": "HTTP", "port": 8080}]},
    }
    made = Gateway.model_validate({"metadata": {"name": home, "namespace": home}, "spec": spec})
    await client.apply(made, manager="test")


async def test_a_manifest_becomes_a_build_then_a_service_then_ready(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        await there.write()
        run = await there.one(BuildRun)
        build = await there.one(Build)
        source = await there.one(ConfigMap)
        assert set(source.data.values()) == set(SOURCE.values())
        assert run.spec.build.name == build.metadata.name
        await waiting.until(lambda: there.condition("BuildReady").reason == "Building")
        await there.end_build(run)
        assert (await there.until("BuildReady", "True")).reason == "Succeeded"
        service = await there.one(KnativeService)
        assert service.spec.template.spec.containers[0].image.endswith(f"@{DIGEST}")
        await there.revise()
        await there.until("Ready", "True")
        found = await there.client.get(Function, NAME, namespace=there.namespace)
        assert found.status.revision.image_digest == DIGEST
        assert f"http://{NAME}.{there.namespace}.localhost:8080" in {
            address.value.rstrip("/") for address in found.status.addresses
        }


async def test_a_failed_build_says_why_and_serves_nothing(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        await there.write()
        failed = _condition("Succeeded", "False", "Failed", "the build failed")
        details = {"reason": "DependencyFailed", "message": "no package of that name"}
        run = await there.one(BuildRun)
        await there.end_build(run, conditions=[failed], failureDetails=details, output=None)
        ready = await there.until("Ready", "False")
        assert (ready.reason, ready.message) == ("DependencyFailed", "no package of that name")
        assert there.manager.lister(KnativeService).list(there.namespace) == []


async def test_the_same_manifest_again_changes_nothing(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        await there.run_once()
        before = await versions(there)
        await there.write()
        there.manager.controllers[0].enqueue(Request(there.namespace, NAME))
        await asyncio.sleep(0.3)
        assert await versions(there) == before


async def versions(there: Plane) -> dict[str, str]:
    found: dict[str, str] = {}
    for model in (Function, Builder, Serving, Build, BuildRun, KnativeService, ConfigMap):
        for one in (await there.client.list(model, namespace=there.namespace)).items:
            found[f"{model.__name__}/{one.metadata.name}"] = one.metadata.resource_version
    return found


async def test_a_change_of_how_it_runs_does_not_build_again(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        await there.run_once()
        first = await there.one(Builder)
        served = await there.one(Serving)
        await there.write(serving={"params": {"GREETING": "hello"}})
        await there.one(Serving, but=served.metadata.name)
        await waiting.until(lambda: env_of(there).get("GREETING") == "hello")
        await there.revise()
        await there.until("Ready", "True")
        assert (await there.one(Builder)).metadata.uid == first.metadata.uid


def env_of(there: Plane) -> dict[str, str]:
    found = there.manager.lister(KnativeService).get(there.namespace, SERVICE)
    env = found.spec.template.spec.containers[0].env if found else []
    return {one.name: one.value or "" for one in env}


async def test_a_change_of_source_builds_again_while_the_old_version_serves(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        await there.run_once()
        first = await there.one(BuildRun)
        source = {"main.py": "def hello(request):\n    return 'changed'\n"}
        await there.write(build={"srcRepo": {"inline": source}, "env": {"FUNC_NAME": NAME}})
        second = await there.one(BuildRun, but=first.metadata.name)
        found = there.function()
        assert found is not None
        assert found.status.serving is not None
        assert found.status.serving.last_successful_resource_ref
        await there.end_build(second, output={"digest": "sha256:" + "b" * 64})
        await waiting.until(lambda: image_of(there).endswith("b" * 64))
        await there.revise()
        await there.until("Ready", "True")


def image_of(there: Plane) -> str:
    found = there.manager.lister(KnativeService).get(there.namespace, SERVICE)
    return found.spec.template.spec.containers[0].image if found else ""


async def test_what_happened_is_told_in_events(plane: Callable[[], Any]) -> None:
    async with plane() as there:
        events = there.manager.lister(Event)
        await there.run_once()
        told = {"BuildStarted", "BuildCompleted", "Running"}
        await waiting.until(lambda: told <= {one.reason for one in events.list(there.namespace)})
