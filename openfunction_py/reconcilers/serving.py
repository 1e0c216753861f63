"""Serving: the template of its Function's Knative Service, and what became of it.

Only the Serving that the Function's status names writes; an older one is frozen and remembers its Revision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.meta import Object
from openfunction_py.api.servings import Serving, ServingSpec, ServingStatus
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube import errors
from openfunction_py.lib import clock, durations
from openfunction_py.resources import knative_services, labels, states

MANAGER = "openfunction-serving"
# Answers to a template that asking again will not change.
REFUSALS = frozenset({400, 403, 422})


@dataclass(frozen=True, slots=True)
class Verdict:
    """State of a version, with why, and its Revision once there is one."""

    state: str
    reason: str = ""
    message: str = ""
    revision: str = ""


class Reconciler:
    """Drives one Serving."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._manager = manager
        self._client = manager.client
        self._servings = manager.lister(Serving)
        self._functions = manager.lister(Function)
        self._services = manager.lister(KnativeService)
        self._revisions = manager.lister(Revision)

    async def reconcile(self, request: Request) -> Result:
        """Write the Knative Service when it is this version's turn; copy its state."""
        current = self._servings.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return Result()
        function = self._functions.get(request.namespace, current.metadata.labels.get(labels.FUNCTION, ""))
        if function is None or _current(function) != request.name:
            return Result()
        now = self._manager.clock.now()
        missing = unsupported(current.spec)
        verdict = missing or await self._serve(current, function)
        verdict = in_time(current, verdict, now=now)
        desired = current.model_copy(update={"status": decide(current, verdict, now=now)})
        await status.write_status(self._client, desired, current, manager=MANAGER)
        return Result(requeue_after=_until_timeout(current, verdict, now=now))

    async def _serve(self, serving: Serving, function: Function) -> Verdict:
        wanted = knative_services.make(
            serving, function=function.metadata.name, owner=meta.owner_of(function)
        )
        found = self._services.get(wanted.metadata.namespace, wanted.metadata.name)
        foreign = taken(found, function)
        if foreign is not None:
            return foreign
        if found is None or not holds(found, wanted):
            if found is not None and not await self._is_its_turn(serving, function, found):
                return Verdict(states.STARTING, states.STARTING, "another version is about to take over")
            try:
                found = await self._client.apply(wanted, manager=MANAGER)
            except errors.ApiError as error:
                if error.code not in REFUSALS:
                    raise
                return Verdict(states.FAILED, "TemplateRejected", error.message)
        name = found.status.latest_created_revision_name
        return judge(serving, found, self._revisions.get(found.metadata.namespace, name))

    async def _is_its_turn(self, serving: Serving, function: Function, found: KnativeService) -> bool:
        """A cache may lag: before a template is taken from another Serving, ask whose turn it is."""
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


def taken(found: KnativeService | None, function: Function) -> Verdict | None:
    """Why a Service of our name cannot be ours: it belongs to something else, or to a Function that is gone."""
    owner = meta.controller_of(found) if found is not None else None
    if found is None or (owner is not None and owner.uid == function.metadata.uid):
        return None
    name = found.metadata.name
    if owner is not None and (owner.kind, owner.name) == (function.kind, function.metadata.name):
        return Verdict(states.STARTING, states.STARTING, f"{name} of an earlier Function is being removed")
    sentence = (
        f"there is a Knative Service {name} that is not this Function's; delete it or rename the Function"
    )
    return Verdict(states.FAILED, "NotOwned", sentence)


def holds(found: KnativeService, wanted: KnativeService) -> bool:
    """Whether the Service runs what this version wants; defaults that a server adds do not count."""
    return (
        found.metadata.labels.get(labels.SERVING) == wanted.metadata.labels[labels.SERVING]
        and _within(wanted.to_wire()["spec"], found.to_wire()["spec"])
        and _within(wanted.metadata.labels, found.metadata.labels)
    )


def _within(wanted: object, found: object) -> bool:
    """Whether everything wanted is there; an empty value and no value are the same to a server."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_within(value, found[key]) if key in found else not value for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_within, wanted, found))
    return wanted == found


def unsupported(spec: ServingSpec) -> Verdict | None:
    """What this version asks for that cannot be served."""
    if spec.triggers is not None and spec.triggers.http is None:
        sentence = (
            "functions started by Dapr alone are not served yet; add triggers.http to reach it by request"
        )
        return Verdict(states.FAILED, "TriggerUnsupported", sentence)
    return None


def judge(serving: Serving, service: KnativeService, revision: Revision | None) -> Verdict:
    """What became of the template that the Service holds now."""
    found = service.status
    if found.observed_generation != service.metadata.generation or not _made_for(serving, revision):
        return Verdict(states.STARTING, states.STARTING, "the revision is being made")
    name = found.latest_created_revision_name
    failed = _failure(revision)
    if failed is not None:
        return Verdict(states.FAILED, failed.reason or "RevisionFailed", failed.message, name)
    ready = meta.find_condition(found.conditions, "Ready")
    if ready is not None and ready.status == "True" and found.latest_ready_revision_name == name:
        return Verdict(states.RUNNING, states.RUNNING, f"revision {name} serves", name)
    if ready is not None and ready.status == "False":
        return Verdict(states.FAILED, ready.reason or "ServiceFailed", ready.message, name)
    if serving.status.state == states.RUNNING and found.latest_ready_revision_name == name:
        # Scaling or a new route is under way; what ran goes on until something says that it failed.
        return Verdict(states.RUNNING, states.RUNNING, f"revision {name} serves", name)
    message = (ready.message if ready else "") or f"revision {name} is starting"
    return Verdict(states.STARTING, states.STARTING, message, name)


def _made_for(serving: Serving, revision: Revision | None) -> bool:
    """Whether the newest Revision is of this version; a status may still speak of the one before."""
    return revision is not None and revision.metadata.labels.get(labels.SERVING) == serving.metadata.name


def _failure(revision: Revision | None) -> meta.Condition | None:
    """The condition that says why a Revision cannot serve: the one nearest to the cause."""
    conditions = revision.status.conditions if revision else []
    ready = meta.find_condition(conditions, "Ready")
    if ready is None or ready.status != "False":
        return None
    causes = (meta.find_condition(conditions, kind) for kind in ("ContainerHealthy", "ResourcesAvailable"))
    return next((one for one in causes if one is not None and one.status == "False"), ready)


def in_time(serving: Serving, verdict: Verdict, *, now: datetime) -> Verdict:
    """A version that is still starting after its timeout has failed."""
    left = _left(serving, now)
    if verdict.state != states.STARTING or left is None or left > 0:
        return verdict
    sentence = f"not running after {serving.spec.timeout}: {verdict.message}"
    return Verdict(states.TIMEOUT, "ServingTimeout", sentence, verdict.revision)


def _left(serving: Serving, now: datetime) -> float | None:
    since = serving.metadata.creation_timestamp
    limit = durations.parse(serving.spec.timeout) if serving.spec.timeout else None
    return (clock.parse(since) + limit - now).total_seconds() if limit and since else None


def _until_timeout(serving: Serving, verdict: Verdict, *, now: datetime) -> float | None:
    return _left(serving, now) if verdict.state == states.STARTING else None


def decide(serving: Serving, verdict: Verdict, *, now: datetime) -> ServingStatus:
    """The status of a version."""
    function = serving.metadata.labels.get(labels.FUNCTION, "")
    generation = serving.metadata.generation
    ready = states.condition(
        "Ready", verdict.state, reason=verdict.reason, message=verdict.message, generation=generation
    )
    service = labels.knative_service(function)
    fields: dict[str, object] = {
        "phase": states.SERVING_PHASE,
        "state": verdict.state,
        "reason": verdict.reason,
        "message": verdict.message,
        "resource_ref": {"serving.knative.dev/service": service},
        "url": service,
        "conditions": meta.set_condition(serving.status.conditions, ready, now=clock.timestamp(now)),
        "observed_generation": generation,
    }
    if verdict.revision:
        fields["revision"] = verdict.revision
    return ServingStatus.model_validate(fields)


def of_function(obj: Object) -> Iterable[Request]:
    """The Servings that a Function's status names."""
    stage = obj.status.serving if isinstance(obj, Function) else None
    if stage is None:
        return ()
    names = {stage.resource_ref, stage.last_successful_resource_ref}
    return [Request(obj.metadata.namespace, name) for name in names if name]


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    functions = manager.lister(Function)

    def of_service(obj: Object) -> Iterable[Request]:
        """The version whose turn it is, and the one that wrote the template."""
        function = functions.get(obj.metadata.namespace, obj.metadata.labels.get(labels.FUNCTION, ""))
        wrote = obj.metadata.labels.get(labels.SERVING)
        named = of_function(function) if function is not None else ()
        return {*named, *([Request(obj.metadata.namespace, wrote)] if wrote else [])}

    manager.add(
        "serving",
        Reconciler(manager),
        watches=[
            managers.Watch(Serving, managers.by_self),
            managers.Watch(Function, of_function),
            managers.Watch(KnativeService, of_service),
            managers.Watch(Revision, managers.by_label(labels.SERVING)),
        ],
    )
