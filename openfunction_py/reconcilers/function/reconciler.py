"""Function: writes Builders and Servings, and says in its status what became of them.

It never waits: each stage decides from what the caches hold, and the next change asks again.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api.builders import CANCELLED, Builder
from openfunction_py.api.functions import Function
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.meta import Object
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream import apps, batch, dapr, keda
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status
from openfunction_py.controller.types import Request, Result, request_of
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.reconcilers.function import build, outcome, route, serve
from openfunction_py.resources import labels

MANAGER = "openfunction-function"
# Scalers first, or they would scale what is going.
PARTS: tuple[type[Object], ...] = (
    keda.ScaledObject,
    keda.ScaledJob,
    keda.TriggerAuthentication,
    apps.Deployment,
    apps.StatefulSet,
    batch.Job,
    dapr.Component,
)


class Reconciler:
    """Drives one Function."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._manager = manager
        self._client = manager.client
        self._functions = manager.lister(Function)
        self._builders = manager.lister(Builder)
        self._servings = manager.lister(Serving)
        self._services = manager.lister(KnativeService)
        self._gateways = manager.lister(Gateway)
        self._parts = [manager.lister(model) for model in PARTS]

    async def reconcile(self, request: Request) -> Result:
        """Build, serve, route; then the status, once."""
        current = self._functions.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return Result()
        now = self._manager.clock.now()
        uid = current.metadata.uid
        building = build.plan(current, self._builders.owned_by(uid), now=now)
        serving = serve.plan(
            current, self._servings.owned_by(uid), image_ready=building.settled, digest=building.digest
        )
        routing = route.plan(current, self._gateway(current), serving.status)
        await self._make(building, serving)
        decided = outcome.status(current, building, serving, routing, now=clock.timestamp(now))
        desired = current.model_copy(update={"status": decided})
        await status.write_status(self._client, desired, current, manager=MANAGER)
        await self._tell(desired, current)
        await self._remove(current, building, serving)
        return Result(requeue_after=building.look_again)

    def _gateway(self, function: Function) -> Gateway | None:
        wanted = route.gateway_of(function)
        return self._gateways.get(wanted.namespace, wanted.name) if wanted else None

    async def _make(self, building: build.Plan, serving: serve.Plan) -> None:
        for builder in building.cancel:
            metadata = builder.metadata
            await self._client.patch(
                Builder, metadata.name, {"spec": {"state": CANCELLED}}, namespace=metadata.namespace
            )
        for child in (building.create, serving.create):
            if child is not None:
                await self._create(child)

    async def _create(self, child: Builder | Serving) -> None:
        """Its name is derived from what it is, so one that is there already is this one."""
        try:
            await self._client.create(child)
        except errors.AlreadyExists:
            return

    async def _remove(self, function: Function, building: build.Plan, serving: serve.Plan) -> None:
        for old in (*building.remove, *serving.remove):
            metadata = old.metadata
            await self._client.delete(
                type(old), metadata.name, namespace=metadata.namespace, uid=metadata.uid
            )
        if serving.remove_service:
            await self._remove_service(function)
            await self._remove_parts(function)

    async def _remove_service(self, function: Function) -> None:
        namespace, name = function.metadata.namespace, labels.knative_service(function.metadata.name)
        found = self._services.get(namespace, name)
        if found is not None and any(
            owner.uid == function.metadata.uid for owner in found.metadata.owner_references
        ):
            await self._client.delete(KnativeService, name, namespace=namespace, uid=found.metadata.uid)

    async def _remove_parts(self, function: Function) -> None:
        """What an asynchronous version was made of."""
        for lister in self._parts:
            for one in lister.owned_by(function.metadata.uid):
                about = one.metadata
                await self._client.delete(type(one), about.name, namespace=about.namespace, uid=about.uid)

    async def _tell(self, new: Function, old: Function) -> None:
        for item in outcome.news(old.status, new.status):
            kind = "Warning" if item.warning else "Normal"
            await self._manager.recorder.event(new, type=kind, reason=item.reason, message=item.message)


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    functions = manager.lister(Function)

    def of_gateway(obj: Object) -> Iterable[Request]:
        """The Functions that are reached through a Gateway."""
        name, namespace = obj.metadata.name, obj.metadata.namespace
        for function in functions.list():
            wanted = route.gateway_of(function)
            if wanted is not None and (wanted.name, wanted.namespace) == (name, namespace):
                yield request_of(function)

    manager.add(
        "function",
        Reconciler(manager),
        watches=[
            managers.Watch(Function, managers.by_self),
            managers.Watch(Builder, managers.by_owner("Function")),
            managers.Watch(Serving, managers.by_owner("Function")),
            managers.Watch(KnativeService, managers.by_owner("Function")),
            managers.Watch(Gateway, of_gateway),
        ],
    )
