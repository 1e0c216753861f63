"""Serving: its version as a template of the Function's Knative Service or as a workload, and its status.

Only the Serving that the Function's status names writes; an older one is frozen and remembers its Revision.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.meta import Object
from openfunction_py.api.servings import Serving, ServingStatus
from openfunction_py.api.upstream import apps, batch, core, dapr, keda
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status, types
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.reconcilers.serving import brokers, groups, service, upkeep, verdicts, workload
from openfunction_py.reconcilers.serving.verdicts import Verdict
from openfunction_py.resources import (
    async_workloads,
    cluster_names,
    dapr_components,
    knative_services,
    labels,
    sidecars,
    states,
)

MANAGER = "openfunction-serving"
# Answers to a template that asking again will not change.
REFUSALS = frozenset({400, 403, 422})
REVISION = "serving.knative.dev/revision"
WAITS = Verdict(states.STARTING, states.STARTING, "another version is about to take over")


class Reconciler:
    """Drives one Serving."""

    def __init__(self, manager: managers.Manager, *, readers_first: bool = False) -> None:
        """Read through the manager's caches, write through its client.

        With `readers_first` what has a sidecar starts after its brokers know its readers.
        """
        self._manager = manager
        self._client = manager.client
        self._servings = manager.lister(Serving)
        self._functions = manager.lister(Function)
        self._services = manager.lister(KnativeService)
        self._revisions = manager.lister(Revision)
        self._pods = manager.lister(core.Pod)
        self._hosts = manager.lister(core.Service)
        self._upkeep = upkeep.Upkeep(manager)
        self._readers_first = readers_first
        self.groups: groups.Groups = groups.Groups()

    async def reconcile(self, request: Request) -> Result:
        """Write what runs the function when it is this version's turn; copy its state."""
        current = self._servings.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return Result()
        function = self._functions.get(request.namespace, current.metadata.labels.get(labels.FUNCTION, ""))
        if function is None or _current(function) != request.name:
            return Result()
        now = self._manager.clock.now()
        known = self._upkeep.known(function)
        wanted = upkeep.wanted(current, function, known)
        verdict = await self._try_to_serve(current, function, wanted, known)
        if verdict.state == states.FAILED:
            lost = self._lost_services(wanted)
            verdict = replace(verdict, message="; ".join([verdict.message, *lost]))
        verdict = verdicts.in_time(current, verdict, now=now)
        decided = decide(current, verdict, references(current, function, wanted), now=now)
        desired = current.model_copy(update={"status": decided})
        await status.write_status(self._client, desired, current, manager=MANAGER)
        return Result(requeue_after=verdicts.until_timeout(current, verdict, now=now))

    async def _try_to_serve(
        self, serving: Serving, function: Function, wanted: upkeep.Wanted, known: dict[str, str]
    ) -> Verdict:
        lost = dapr_components.missing(serving.spec, known)
        if lost:
            return Verdict(states.FAILED, "ComponentMissing", "; ".join(lost))
        stranger = self._upkeep.taken(wanted.objects, function)
        if stranger is not None:
            return stranger
        unread = self._unread(serving, wanted)
        if unread is not None:
            return unread
        try:
            return await self._serve(serving, function, wanted, known)
        except errors.ApiError as error:
            if error.code not in REFUSALS:
                raise
            return Verdict(states.FAILED, "TemplateRejected", error.message)

    def _lost_services(self, wanted: upkeep.Wanted) -> list[str]:
        """Services that components of the version name and nobody made; the sidecar only sees that nobody answers."""
        named = {
            name: one.metadata.name
            for one in wanted.objects
            if isinstance(one, dapr.Component)
            for item in one.spec.metadata
            for name in cluster_names.named(str(item.value or ""), namespace=one.metadata.namespace)
        }
        return [
            f"the component {component} names the Service {name.service} in {name.namespace}, which is not there"
            for name, component in named.items()
            if self._hosts.get(name.namespace, name.service) is None
        ]

    def _unread(self, serving: Serving, wanted: upkeep.Wanted) -> Verdict | None:
        """What nobody could read is said before anything runs.

        Jobs alone would make what their scaler reads, and the scaler alone makes Jobs: it waits for the durables.
        """
        known = self.groups.of(types.request_of(serving))
        if known.lasting:
            return Verdict(states.FAILED, "ReaderUnfit", known.problem or "")
        waits = isinstance(wanted.scaler, keda.ScaledJob) or (
            self._readers_first and sidecars.is_used(serving.spec)
        )
        if known.problem is None or not waits or self._is_made(serving, wanted):
            return None
        state = states.STARTING if known.is_patient else states.FAILED
        return Verdict(state, state if known.is_patient else "BrokerUnavailable", known.problem)

    def _is_made(self, serving: Serving, wanted: upkeep.Wanted) -> bool:
        """Whether this version runs, or what scales it is there."""
        made = self._upkeep.found(wanted.scaler) if wanted.scaler is not None else None
        has_scaler = made is not None and made.metadata.labels.get(labels.SERVING) == serving.metadata.name
        return has_scaler or serving.status.state == states.RUNNING

    async def _serve(
        self, serving: Serving, function: Function, wanted: upkeep.Wanted, known: dict[str, str]
    ) -> Verdict:
        for one in self._upkeep.present(function):
            if not await self._is_its_turn(serving, function, one):
                return WAITS
        await self._upkeep.remove(function, wanted.objects, only=upkeep.SCALERS)
        await self._upkeep.make(wanted.objects, manager=MANAGER)
        if not upkeep.is_async(serving):
            verdict = await self._serve_requests(serving, function, known)
        else:
            verdict = self._judge(serving, wanted)
        if verdict.state == states.RUNNING:
            await self._tidy(serving, function, wanted)
        return verdict

    async def _tidy(self, serving: Serving, function: Function, wanted: upkeep.Wanted) -> None:
        """What ran before goes once this version runs."""
        await self._upkeep.remove(function, wanted.objects, only=upkeep.MODELS)
        if upkeep.is_async(serving):
            await self._upkeep.remove_service(function)

    def _judge(self, serving: Serving, wanted: upkeep.Wanted) -> Verdict:
        made = self._upkeep.found(wanted.workload) if wanted.workload is not None else None
        scaler = self._upkeep.found(wanted.scaler) if wanted.scaler is not None else None
        pods = self._pods.list(serving.metadata.namespace, labels={labels.SERVING: serving.metadata.name})
        if isinstance(made, apps.Deployment | apps.StatefulSet):
            watched = scaler if isinstance(scaler, keda.ScaledObject) else None
            return workload.judge(serving, made, scaler=watched, pods=pods)
        if isinstance(made, batch.Job):
            return workload.judge_job(made, pods)
        if isinstance(scaler, keda.ScaledJob):
            return workload.judge_jobs(scaler)
        return Verdict(states.STARTING, states.STARTING, "the workload is being made")

    async def _serve_requests(self, serving: Serving, function: Function, known: dict[str, str]) -> Verdict:
        name, owner = function.metadata.name, meta.owner_of(function)
        wanted = knative_services.make(serving, function=name, owner=owner, known=known)
        found = self._services.get(wanted.metadata.namespace, wanted.metadata.name)
        foreign = service.taken(found, function)
        if foreign is not None:
            return foreign
        if found is None or not service.holds(found, wanted):
            if found is not None and not await self._is_its_turn(serving, function, found):
                return WAITS
            found = await self._client.apply(wanted, manager=MANAGER)
        newest = found.status.latest_created_revision_name
        return service.judge(serving, found, self._revisions.get(found.metadata.namespace, newest))

    async def _is_its_turn(self, serving: Serving, function: Function, found: Object) -> bool:
        """A cache may lag: before something is taken from another Serving, ask whose turn it is."""
        if found.metadata.labels.get(labels.SERVING) == serving.metadata.name:
            return True
        metadata = function.metadata
        try:
            fresh = await self._client.get(Function, metadata.name, namespace=metadata.namespace)
        except errors.NotFound:
            return False
        return fresh.metadata.uid == metadata.uid and _current(fresh) == serving.metadata.name


def _current(function: Function) -> str:
    return (function.status.serving.resource_ref if function.status.serving else None) or ""


def references(serving: Serving, function: Function, wanted: upkeep.Wanted) -> dict[str, str]:
    """What was made for a version, as status.resourceRef names it."""
    components = [one.metadata.name for one in wanted.objects if isinstance(one, dapr.Component)]
    found = {"dapr.io/component": ",".join(components)} if components else {}
    if not upkeep.is_async(serving):
        return {**found, "serving.knative.dev/service": labels.knative_service(function.metadata.name)}
    for key, one in (("Async/workload", wanted.workload), ("Async/scaler", wanted.scaler)):
        if one is not None:
            found[key] = one.metadata.name
    return found


def decide(serving: Serving, verdict: Verdict, made: dict[str, str], *, now: datetime) -> ServingStatus:
    """The status of a version."""
    generation = serving.metadata.generation
    ready = states.condition(
        "Ready", verdict.state, reason=verdict.reason, message=verdict.message, generation=generation
    )
    fields: dict[str, object] = {
        "phase": states.SERVING_PHASE,
        "state": verdict.state,
        "reason": verdict.reason,
        "message": verdict.message,
        "resource_ref": made,
        "conditions": meta.set_condition(
            _remembered(serving, verdict, now=now), ready, now=clock.timestamp(now)
        ),
        "observed_generation": generation,
    }
    if "serving.knative.dev/service" in made:
        fields["url"] = made["serving.knative.dev/service"]
    if verdict.revision:
        fields["revision"] = verdict.revision
    return ServingStatus.model_validate(fields)


def _remembered(serving: Serving, verdict: Verdict, *, now: datetime) -> Sequence[meta.Condition]:
    """The conditions with what the version's containers last came to; without it as long as they never ended."""
    before = serving.status.conditions
    known = meta.find_condition(before, workload.CONTAINERS) is not None
    if verdict.broken is None or not (verdict.broken or known):
        return before
    made = meta.Condition(
        type=workload.CONTAINERS,
        status="False" if verdict.broken else "True",
        reason=verdict.reason,
        message=verdict.broken or "they run",
        observed_generation=serving.metadata.generation,
    )
    return meta.set_condition(before, made, now=clock.timestamp(now))


def of_function(obj: Object) -> Iterable[Request]:
    """The Servings that a Function's status names."""
    stage = obj.status.serving if isinstance(obj, Function) else None
    if stage is None:
        return ()
    names = {stage.resource_ref, stage.last_successful_resource_ref}
    return [Request(obj.metadata.namespace, name) for name in names if name]


def of_pod(obj: Object) -> Iterable[Request]:
    """The version of an asynchronous function's Pod; those of Knative are judged by their Revision."""
    name = obj.metadata.labels.get(labels.SERVING)
    known = async_workloads.WORKLOAD in obj.metadata.labels
    return (Request(obj.metadata.namespace, name),) if name and known else ()


def install(manager: managers.Manager, *, make: groups.Make | None = None, daprd: bool = False) -> None:
    """Add the controller; `make` has brokers remember the readers of scaled functions.

    With `daprd` that is done for all functions with a sidecar, and before it starts: Dapr's own makes no streams.
    """
    make = make or functools.partial(brokers.make, push=daprd)
    functions = manager.lister(Function)

    def of_service(obj: Object) -> Iterable[Request]:
        """The version whose turn it is, and the one that wrote the template."""
        function = functions.get(obj.metadata.namespace, obj.metadata.labels.get(labels.FUNCTION, ""))
        wrote = obj.metadata.labels.get(labels.SERVING)
        named = of_function(function) if function is not None else ()
        return {*named, *([Request(obj.metadata.namespace, wrote)] if wrote else [])}

    def of_made(obj: Object) -> Iterable[Request]:
        """As for a Service; what Knative makes of it is judged by its Revision."""
        return () if REVISION in obj.metadata.labels else of_service(obj)

    def of_component(obj: Object) -> Iterable[Request]:
        """Every version of the namespace that may name it."""
        return [one for each in functions.list(obj.metadata.namespace) for one in of_function(each)]

    made: Sequence[managers.Watch] = [
        managers.Watch(model, of_made) for model in upkeep.MODELS if model is not dapr.Component
    ]
    reconciler = Reconciler(manager, readers_first=daprd)
    controller = manager.add(
        "serving",
        reconciler,
        watches=[
            managers.Watch(Serving, managers.by_self),
            managers.Watch(Function, of_function),
            managers.Watch(KnativeService, of_service),
            managers.Watch(Revision, managers.by_label(labels.SERVING)),
            managers.Watch(core.Pod, of_pod),
            managers.Watch(dapr.Component, of_component),
            *made,
        ],
    )
    concerned = sidecars.is_used if daprd else async_workloads.is_scaled
    groups.install(manager, reconciler.groups, make=make, again=controller.enqueue, concerned=concerned)
