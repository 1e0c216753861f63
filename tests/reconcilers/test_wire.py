"""The reconcilers on whole API servers, behind a cache and behind one that lags: from manifest to addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.builders import Builder
from openfunction_py.api.functions import Function
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream.core import Event
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.api.upstream.shipwright import BuildRun
from openfunction_py.controller.cache import Cache
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request
from openfunction_py.kube.client import Client
from openfunction_py.reconcilers import builder, function, gateway, serving
from tests import waiting
from tests.controller.lagging import LaggingCache
from tests.reconcilers import play

NOW = "2024-01-01T00:00:00Z"
PLAYER = "test-player"


class Stage:
    """One namespace of a server with our four controllers, and the upstream parts a test plays."""

    def __init__(self, client: Client, manager: Manager, namespace: str) -> None:
        self.client = client
        self.manager = manager
        self.namespace = namespace

    def function(self) -> Function | None:
        return self.manager.lister(Function).get(self.namespace, "hello")

    def ready(self, generation: int = 1) -> bool:
        found = self.function()
        ready = meta.find_condition(found.status.conditions, "Ready") if found else None
        return bool(ready and ready.status == "True" and ready.observed_generation == generation)

    async def apply(self, made: Function) -> None:
        body = made.to_wire()
        body["metadata"]["namespace"] = self.namespace
        route = {"gatewayRef": {"name": "gateway", "namespace": self.namespace}}
        body["spec"]["serving"] |= {"triggers": {"http": {"route": route}}}
        await self.client.apply(Function.model_validate(body), manager="test-user")

    async def status(self, model: type[meta.Object], name: str, status: dict[str, Any]) -> None:
        """Write as the upstream controller would."""
        body = {"metadata": {"name": name, "namespace": self.namespace}, "status": status}
        await self.client.apply(model.model_validate(body), manager=PLAYER, subresource="status")

    async def build(self) -> None:
        """Shipwright's part: the run that the Function waits for succeeds."""
        runs = self.manager.lister(BuildRun)
        await waiting.until(lambda: runs.get(self.namespace, f"{self._builder()}-run"))
        done = {
            "conditions": [_condition("Succeeded")],
            "startTime": NOW,
            "completionTime": "2024-01-01T00:00:07Z",
            "output": {"digest": play.DIGEST, "size": 7},
        }
        await self.status(BuildRun, f"{self._builder()}-run", done)

    def _builder(self) -> str:
        found = self.function()
        return (found.status.build.resource_ref if found and found.status.build else None) or ""

    async def revise(self, generation: int = 1) -> None:
        """Knative's part: the template of that generation becomes a ready Revision."""
        services = self.manager.lister(KnativeService)

        def current() -> KnativeService | None:
            found = services.get(self.namespace, "hello-ksvc")
            return found if found and found.metadata.generation == generation else None

        await waiting.until(current)
        service = current()
        assert service is not None
        name = f"hello-ksvc-{generation:05d}"
        template = service.spec.template
        labels = dict(template.metadata.labels)
        revision = {
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": template.spec.to_wire(),
        }
        await self.client.create(Revision.model_validate(revision))
        await self.status(Revision, name, {"conditions": [_condition("Ready")]})
        status = {
            "observedGeneration": generation,
            "latestCreatedRevisionName": name,
            "latestReadyRevisionName": name,
            "conditions": [_condition("Ready")],
        }
        await self.status(KnativeService, "hello-ksvc", status)


def _condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "reason": kind, "message": kind, "lastTransitionTime": NOW}


@asynccontextmanager
async def stage(client: Client, namespace: str, make_cache: type[Cache[Any]] = Cache) -> AsyncIterator[Stage]:
    """Our controllers running, with a Gateway."""
    manager = Manager(client, make_cache=make_cache)
    for module in (function, builder, serving, gateway):
        module.install(manager)
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        await manager.synced()
        spec = {
            "domain": "localhost",
            "gatewayDef": {"gatewayClassName": "openfunction"},
            "gatewaySpec": {"listeners": [{"name": "http", "protocol": "HTTP", "port": 8080}]},
        }
        body = {"metadata": {"name": "gateway", "namespace": namespace}, "spec": spec}
        await client.create(Gateway.model_validate(body))
        yield Stage(client, manager, namespace)
        task.cancel()


@pytest.mark.parametrize("make_cache", [Cache, LaggingCache], ids=["cache", "lagging"])
async def test_from_manifest_to_addresses_with_one_of_each_child(
    wire_client: Client, namespace: str, make_cache: type[Cache[Any]]
) -> None:
    async with stage(wire_client, namespace, make_cache) as there:
        await there.apply(play.hello())
        await there.build()
        await there.revise()
        await waiting.until(there.ready)
        found = await wire_client.get(Function, "hello", namespace=namespace)
        assert [one.value for one in found.status.addresses] == [
            f"http://hello.{namespace}.localhost:8080/",
            f"http://127.0.0.1:8080/{namespace}/hello/",
            f"http://hello.{namespace}.svc.cluster.local/",
        ]
        for model in (Builder, BuildRun, Serving, KnativeService):
            assert len((await wire_client.list(model, namespace=namespace)).items) == 1


@pytest.mark.parametrize("make_cache", [Cache, LaggingCache], ids=["cache", "lagging"])
async def test_a_change_makes_one_revision_of_the_same_service_and_collects_the_old_serving(
    wire_client: Client, namespace: str, make_cache: type[Cache[Any]]
) -> None:
    async with stage(wire_client, namespace, make_cache) as there:
        await there.apply(play.hello())
        await there.build()
        await there.revise()
        await waiting.until(there.ready)
        await there.apply(play.hello(serving={"params": {"A": "1"}}))
        await there.revise(2)
        await waiting.until(lambda: there.ready(2))
        servings = there.manager.lister(Serving)
        await waiting.until(lambda: len(servings.list(namespace)) == 1)
        assert len((await wire_client.list(Builder, namespace=namespace)).items) == 1
        service = await wire_client.get(KnativeService, "hello-ksvc", namespace=namespace)
        assert service.metadata.generation == 2


async def test_what_is_ready_is_not_written_again(wire_client: Client, namespace: str) -> None:
    async with stage(wire_client, namespace) as there:
        await there.apply(play.hello())
        await there.build()
        await there.revise()
        await waiting.until(there.ready)
        models = (Function, Builder, Serving, KnativeService, BuildRun, Gateway)
        before = [await versions(wire_client, model, namespace) for model in models]
        await there.apply(play.hello())
        for controller in there.manager.controllers:
            controller.enqueue(Request(namespace, "hello"))
        reasons = await waiting_for_events(wire_client, namespace)
        assert [await versions(wire_client, model, namespace) for model in models] == before
        assert reasons == {"BuildStarted", "BuildCompleted", "Starting", "Running"}


async def versions(client: Client, model: type[meta.Object], namespace: str) -> dict[str, str]:
    """Name → resource version of every object of a kind."""
    page = await client.list(model, namespace=namespace)
    return {one.metadata.name: one.metadata.resource_version for one in page.items}


async def waiting_for_events(client: Client, namespace: str) -> set[str]:
    """Reasons of the Events, once the last one is there."""
    async with asyncio.timeout(waiting.SECONDS):
        while True:
            found = {one.reason for one in (await client.list(Event, namespace=namespace)).items}
            if "Running" in found:
                return found
            await asyncio.sleep(0.01)
