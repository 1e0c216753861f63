"""Durables of scaled functions: on the broker before zero, or what comes there would wake nobody.

One that a broker has lost is made again: a scaler that cannot read says so, and is looked at here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.servings import Serving, ServingSpec
from openfunction_py.api.upstream import core, dapr, discovery, keda
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube import errors
from openfunction_py.lib import naming
from openfunction_py.reconcilers.serving.brokers import TYPES, BrokerError, Readers
from openfunction_py.resources import async_workloads, cluster_names, dapr_components, labels

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
BEING_MADE = "its readers are being made known to the broker"
Make = Callable[[Sequence[Readers]], Awaitable[None]]


# A broker that starts together with its function refuses a few times.
PATIENCE = 3


@dataclass(slots=True)
class Known:
    """One version: what was asked for last, why it is not there and whether for good, failures, the next pause."""

    asked: str = ""
    problem: str | None = BEING_MADE
    lasting: bool = False
    failures: int = 0
    pause: float = FIRST_PAUSE

    @property
    def is_patient(self) -> bool:
        """Whether it may still be there soon."""
        return self.failures < PATIENCE


class Groups:
    """What became of each version's durables."""

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self._known: dict[Request, Known] = {}

    def of(self, request: Request) -> Known:
        """One version's, a new one at first."""
        return self._known.setdefault(request, Known())

    def drop(self, request: Request) -> None:
        """The version is gone."""
        self._known.pop(request, None)


class Reconciler:
    """Makes the durables of one Serving; `again` is told when that Serving may go on."""

    def __init__(
        self,
        manager: managers.Manager,
        groups: Groups,
        make: Make,
        again: Callable[[Request], None],
        concerned: Callable[[ServingSpec], bool],
    ) -> None:
        """Read Services and Components from the caches, Secrets from the server."""
        self._client = manager.client
        self._servings = manager.lister(Serving)
        self._functions = manager.lister(Function)
        self._components = manager.lister(dapr.Component)
        self._objects = manager.lister(keda.ScaledObject)
        self._jobs = manager.lister(keda.ScaledJob)
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)
        self._groups = groups
        self._make = make
        self._again = again
        self._concerned = concerned

    async def reconcile(self, request: Request) -> Result:
        """Ask the brokers once, and again with a growing pause while they do not do it."""
        serving = self._servings.get(request.namespace, request.name)
        if serving is None or serving.metadata.deletion_timestamp:
            self._groups.drop(request)
            return Result()
        function = self._functions.get(request.namespace, serving.metadata.labels.get(labels.FUNCTION, ""))
        if function is None or not self._concerned(serving.spec):
            return Result()
        known = self._groups.of(request)
        wanted = await self._wanted(serving, function)
        asked = naming.digest_of([[one.component, one.topics, one.written] for one in wanted])
        if known.asked == asked and known.problem is None and not self._is_blind(serving):
            return Result()
        if known.asked != asked:
            known.asked, known.failures, known.pause = asked, 0, FIRST_PAUSE
        before = (known.problem, known.is_patient)
        await self._try_to_make(known, wanted)
        if (known.problem, known.is_patient) != before:
            self._again(request)
        return self._next(known, serving)

    async def _try_to_make(self, known: Known, wanted: Sequence[Readers]) -> None:
        try:
            await self._make(wanted)
        except BrokerError as error:
            known.problem, known.lasting = str(error), error.lasting
            known.failures += 1
        else:
            known.problem, known.lasting, known.failures = None, False, 0

    def _next(self, known: Known, serving: Serving) -> Result:
        if known.problem is None and not self._is_blind(serving):
            known.pause = FIRST_PAUSE
            return Result()
        pause, known.pause = known.pause, min(2 * known.pause, LONGEST_PAUSE)
        return Result(requeue_after=pause)

    def _is_blind(self, serving: Serving) -> bool:
        """Whether the version's scaler says that it cannot read."""
        about = serving.metadata
        scalers: list[keda.ScaledObject | keda.ScaledJob] = [
            *self._objects.list(about.namespace),
            *self._jobs.list(about.namespace),
        ]
        return any(
            found is not None and found.status == "False"
            for one in scalers
            if one.metadata.labels.get(labels.SERVING) == about.name
            for found in [meta.find_condition(one.status.conditions, "Ready")]
        )

    async def _wanted(self, serving: Serving, function: Function) -> list[Readers]:
        """Each component with topics of the function; a group that is another one each time is left out."""
        app = dapr_components.app_id(function.metadata.name, serving.metadata.namespace)
        made = dapr_components.make(serving, function=function.metadata.name, owner=meta.owner_of(function))
        own = {one.metadata.name: one for one in made}
        triggers = serving.spec.triggers.dapr if serving.spec.triggers else []
        outputs = [one.dapr for one in serving.spec.outputs if one.dapr is not None and one.dapr.topic]
        found = []
        for key in dict.fromkeys([*(one.name for one in triggers), *(one.name for one in outputs)]):
            real = dapr_components.real_name(serving.spec, function.metadata.name, key)
            component = own.get(real) or self._components.get(serving.metadata.namespace, real)
            topics = tuple(dapr_components.topics_of(serving.spec, key))
            written = tuple(dict.fromkeys(one.topic or "" for one in outputs if one.name == key))
            if component is not None and (topics or written) and _lasts(component):
                told, secrets = self._document(component), await self._secrets(component)
                found.append(Readers(told, topics, app, written=written, secrets=secrets))
        return found

    def _document(self, component: dapr.Component) -> dict[str, Any]:
        """With addresses for names: whoever makes the durables may have no cluster DNS."""
        namespace = component.metadata.namespace
        wire = component.to_wire()
        items = [
            {**item, "value": cluster_names.placed(item["value"], namespace=namespace, find=self._addresses)}
            if isinstance(item.get("value"), str)
            else item
            for item in wire["spec"].get("metadata") or []
        ]
        told = {"metadata": {"name": component.metadata.name}, "spec": {**wire["spec"], "metadata": items}}
        return {**told, "auth": wire["auth"]} if wire.get("auth") else told

    def _addresses(self, name: cluster_names.Name, port: int) -> list[tuple[str, int]]:
        service = self._services.get(name.namespace, name.service)
        near = self._slices.list(name.namespace, labels={cluster_names.SERVICE_LABEL: name.service})
        return cluster_names.addresses(name, port, service=service, slices=near)

    async def _secrets(self, component: dapr.Component) -> dict[tuple[str, str], str]:
        found = {}
        for item in component.spec.metadata:
            reference = item.secret_key_ref
            if reference is None or not reference.name:
                continue
            key = reference.key or reference.name
            try:
                secret = await self._client.get(
                    core.Secret, reference.name, namespace=component.metadata.namespace
                )
                found[reference.name, key] = base64.b64decode(secret.data[key]).decode()
            except (errors.NotFound, KeyError, binascii.Error, UnicodeDecodeError):
                continue  # the component's own reader says which one is missing
        return found


def _lasts(component: dapr.Component) -> bool:
    """Whether its broker remembers readers, under a name that is the same each time."""
    groups = [
        str(one.value)
        for one in component.spec.metadata
        if one.name.lower() in ("consumerid", "consumergroup", "durablename", "queuegroupname")
    ]
    return component.spec.type in TYPES and not any("{" in one for one in groups)


def install(
    manager: managers.Manager,
    groups: Groups,
    *,
    make: Make,
    again: Callable[[Request], None],
    concerned: Callable[[ServingSpec], bool] = async_workloads.is_scaled,
) -> None:
    """Add the controller: a version that is concerned is looked at when it, its scaler or an address changes."""
    servings = manager.lister(Serving)

    def of_scaler(obj: meta.Object) -> Iterable[Request]:
        name = obj.metadata.labels.get(labels.SERVING)
        return (Request(obj.metadata.namespace, name),) if name else ()

    def waiting(obj: meta.Object) -> Iterable[Request]:
        """An address may be what a version waits for; Revisions are no brokers."""
        if "serving.knative.dev/revision" in obj.metadata.labels:
            return ()
        return [types.request_of(one) for one in servings.list() if groups.of(types.request_of(one)).problem]

    manager.add(
        "serving-groups",
        Reconciler(manager, groups, make, again, concerned),
        watches=[
            managers.Watch(Serving, managers.by_self),
            managers.Watch(keda.ScaledObject, of_scaler),
            managers.Watch(keda.ScaledJob, of_scaler),
            managers.Watch(discovery.EndpointSlice, waiting),
        ],
        workers=2,
    )
