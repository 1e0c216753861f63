"""Serving stage of a Function: which Serving is its version, which one still serves, which are to go.

Pure. The last version that ran stays until the next one runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openfunction_py.api.functions import Function, StageStatus
from openfunction_py.api.servings import Serving
from openfunction_py.resources import servings, states


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, and what the status says; no status before there is an image."""

    status: StageStatus | None
    create: Serving | None = None
    remove: tuple[Serving, ...] = ()
    remove_service: bool = False


def plan(function: Function, found: Sequence[Serving], *, image_ready: bool, digest: str) -> Plan:
    """The serving stage, given the Function's Servings."""
    if function.spec.serving is None:
        return Plan(StageStatus(state=states.SKIPPED), remove=tuple(found), remove_service=True)
    old = function.status.serving or StageStatus()
    if not image_ready:
        return _waiting(old, found)
    wanted = servings.intent_hash(function, digest=digest)
    same = old.resource_hash == wanted and bool(old.resource_ref)
    name = old.resource_ref if same else None
    if name is None:
        name = servings.next_name(function, digest=digest, previous=old.resource_ref or "")
    version = _named(found, name)
    status = _status(old, version, name=name, hashed=wanted)
    return Plan(
        status,
        create=None if version is not None else servings.make(function, digest=digest, name=name),
        remove=_others(found, status),
    )


def _waiting(old: StageStatus, found: Sequence[Serving]) -> Plan:
    """While there is no new image, the version before goes on."""
    if not old.resource_ref:
        return Plan(None)
    version = _named(found, old.resource_ref)
    if version is None:
        return Plan(old)
    status = _status(old, version, name=old.resource_ref, hashed=old.resource_hash or "")
    return Plan(status, remove=_others(found, status))


def _named(found: Sequence[Serving], name: str) -> Serving | None:
    return next((one for one in found if one.metadata.name == name), None)


def _status(old: StageStatus, version: Serving | None, *, name: str, hashed: str) -> StageStatus:
    fields: dict[str, object] = {"resource_ref": name, "resource_hash": hashed}
    if old.last_successful_resource_ref:
        fields["last_successful_resource_ref"] = old.last_successful_resource_ref
    if old.service:
        fields["service"] = old.service
    if version is None:
        return StageStatus.model_validate({**fields, "state": states.CREATED})
    found = version.status
    fields |= {"state": found.state or states.CREATED, "reason": found.reason, "message": found.message}
    if found.url:
        fields["service"] = found.url
    if found.state == states.RUNNING:
        fields["last_successful_resource_ref"] = name
    return StageStatus.model_validate(fields)


def _others(found: Sequence[Serving], status: StageStatus) -> tuple[Serving, ...]:
    keep = {status.resource_ref, status.last_successful_resource_ref}
    return tuple(one for one in found if one.metadata.name not in keep)
