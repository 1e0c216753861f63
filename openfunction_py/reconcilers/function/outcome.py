"""The status of a Function from its three stages, and what of it is news.

Pure: the same stages give the same status.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from openfunction_py.api import meta
from openfunction_py.api.functions import Function, FunctionStatus, RouteStatus, StageStatus
from openfunction_py.api.meta import Condition
from openfunction_py.reconcilers.function import build, route, serve
from openfunction_py.resources import states


@dataclass(frozen=True, slots=True)
class News:
    """A transition, for people."""

    reason: str
    message: str
    warning: bool = False


def status(
    function: Function, building: build.Plan, serving: serve.Plan, routing: route.Plan, *, now: str
) -> FunctionStatus:
    """The whole status."""
    conditions = list(function.status.conditions)
    stages = _conditions(function, building, serving, routing)
    for condition in (*stages, _ready(function, stages, routing)):
        conditions = meta.set_condition(conditions, condition, now=now)
    kinds = {one.type for one in stages} | {"Ready"}
    fields: dict[str, object] = {
        "build": building.status,
        "conditions": [one for one in conditions if one.type in kinds],
        "observed_generation": function.metadata.generation,
    }
    if serving.status is not None:
        fields["serving"] = serving.status
    if building.digest:
        fields["revision"] = {"image_digest": building.digest}
    if building.sources:
        fields["sources"] = list(building.sources)
    if routing.urls:
        fields["addresses"] = list(routing.urls)
        fields["route"] = _route(function, routing, now=now)
    return FunctionStatus.model_validate(fields)


def _route(function: Function, routing: route.Plan, *, now: str) -> RouteStatus:
    old = function.status.route.conditions if function.status.route else []
    conditions = meta.set_condition(old, routing.condition, now=now) if routing.condition else list(old)
    paths = [{"type": "PathPrefix", "value": path} for path in routing.paths]
    return RouteStatus.model_validate(
        {"hosts": list(routing.hosts), "paths": paths, "conditions": conditions}
    )


def _conditions(
    function: Function, building: build.Plan, serving: serve.Plan, routing: route.Plan
) -> list[Condition]:
    generation = function.metadata.generation
    # Until there is a new image, a version that failed is no verdict on what is asked for now.
    outdated = not building.settled and serving.status is not None and serving.status.state in states.BAD
    found = [
        _stage("BuildReady", building.status, generation),
        _stage("ServingReady", None if outdated else serving.status, generation),
    ]
    return [*found, routing.condition] if routing.condition else found


def _stage(kind: str, stage: StageStatus | None, generation: int) -> Condition:
    if stage is None:
        return states.condition(
            kind, "", reason="WaitingForBuild", message="there is no image yet", generation=generation
        )
    message = stage.message
    still = stage.last_successful_resource_ref
    if kind == "ServingReady" and stage.state in states.BAD and still and still != stage.resource_ref:
        message = f"{message}; the version before, {still}, keeps serving".removeprefix("; ")
    return states.condition(kind, stage.state, reason=stage.reason, message=message, generation=generation)


def _ready(function: Function, stages: list[Condition], routing: route.Plan) -> Condition:
    generation = function.metadata.generation
    for status_word in ("False", "Unknown"):
        blocking = next((one for one in stages if one.status == status_word), None)
        if blocking is not None:
            return blocking.model_copy(update={"type": "Ready", "last_transition_time": None})
    where = f"it answers at {routing.urls[0].value}" if routing.urls else _without_address(function)
    return Condition(
        type="Ready", status="True", reason="Ready", message=where, observed_generation=generation
    )


def _without_address(function: Function) -> str:
    return "there is nothing to serve" if function.spec.serving is None else "it is started by events"


def news(old: FunctionStatus, new: FunctionStatus) -> Iterable[News]:
    """Transitions between two statuses."""
    yield from _build_news(old.build or StageStatus(), new.build or StageStatus())
    yield from _serving_news(old.serving or StageStatus(), new.serving or StageStatus())


_BUILD = {
    states.SUCCEEDED: "BuildCompleted",
    states.FAILED: "BuildFailed",
    states.TIMEOUT: "BuildTimeout",
    states.CANCELED: "BuildCanceled",
}
_SERVING = {
    states.STARTING: "Starting",
    states.RUNNING: "Running",
    states.FAILED: "ServingFailed",
    states.TIMEOUT: "ServingTimeout",
}


def _build_news(old: StageStatus, new: StageStatus) -> Iterable[News]:
    if new.resource_ref and new.resource_ref != old.resource_ref:
        yield News("BuildStarted", f"Builder {new.resource_ref} builds the image")
    yield from _transition(_BUILD, old, new)


def _serving_news(old: StageStatus, new: StageStatus) -> Iterable[News]:
    yield from _transition(_SERVING, old, new)


def _transition(words: dict[str, str], old: StageStatus, new: StageStatus) -> Iterable[News]:
    changed = (old.resource_ref, old.state) != (new.resource_ref, new.state)
    word = words.get(new.state)
    if changed and word is not None:
        detail = ": ".join(part for part in (new.reason, new.message) if part and part != new.state)
        yield News(word, detail or f"{new.resource_ref} is {new.state}", warning=new.state in states.BAD)
