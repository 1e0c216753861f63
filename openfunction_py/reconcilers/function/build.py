"""Build stage of a Function: which Builder is its attempt, which are to be stopped, which are history.

Pure. The attempt that the status names is not history: limits apply to the ones before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from openfunction_py.api.builders import CANCELLED, Builder, BuildSpec, SourceResult
from openfunction_py.api.functions import Function, StageStatus
from openfunction_py.lib import clock, durations
from openfunction_py.resources import builders, states

_SUCCESSFUL_LIMIT = 0
_FAILED_LIMIT = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, what the status says, and what was built."""

    status: StageStatus
    digest: str = ""
    sources: tuple[SourceResult, ...] = ()
    create: Builder | None = None
    cancel: tuple[Builder, ...] = ()
    remove: tuple[Builder, ...] = ()
    look_again: float | None = None

    @property
    def settled(self) -> bool:
        """Whether there is an image to serve."""
        return self.status.state in (states.SUCCEEDED, states.SKIPPED)


def plan(function: Function, found: Sequence[Builder], *, now: datetime) -> Plan:
    """The build stage, given the Function's Builders."""
    build = function.spec.build
    if build is None:
        skipped = StageStatus(state=states.SKIPPED)
        return Plan(skipped, cancel=_unfinished(found), remove=_history(BuildSpec(), found, now=now))
    old = function.status.build or StageStatus()
    wanted = builders.intent_hash(function)
    same = old.resource_hash == wanted and bool(old.resource_ref)
    name = old.resource_ref if same and old.resource_ref else None
    if name is None:
        name = builders.next_name(function, previous=old.resource_ref or "")
    attempt = next((one for one in found if one.metadata.name == name), None)
    others = [one for one in found if one.metadata.name != name]
    kept = Plan(
        _status(old, attempt, name=name, hashed=wanted),
        digest=_digest(function, attempt),
        sources=_sources(function, attempt),
        cancel=_unfinished(others),
        remove=(*_history(build, others, now=now), *_aged(build, attempt, now=now)),
        look_again=_next_age(build, found, now=now),
    )
    if attempt is not None or (same and old.state == states.SUCCEEDED):
        return kept
    return Plan(
        kept.status,
        digest=kept.digest,
        sources=kept.sources,
        create=builders.make(function, name=name),
        cancel=kept.cancel,
        remove=kept.remove,
        look_again=kept.look_again,
    )


def _status(old: StageStatus, attempt: Builder | None, *, name: str, hashed: str) -> StageStatus:
    fields: dict[str, object] = {"resource_ref": name, "resource_hash": hashed}
    if old.last_successful_resource_ref:
        fields["last_successful_resource_ref"] = old.last_successful_resource_ref
    if attempt is None:
        unchanged = old.resource_ref == name and old.state == states.SUCCEEDED
        return old if unchanged else StageStatus.model_validate({**fields, "state": states.CREATED})
    found = attempt.status
    fields |= {"state": found.state or states.CREATED, "reason": found.reason, "message": found.message}
    if found.build_duration:
        fields["build_duration"] = found.build_duration
    if found.state == states.SUCCEEDED:
        fields["last_successful_resource_ref"] = name
    return StageStatus.model_validate(fields)


def _digest(function: Function, attempt: Builder | None) -> str:
    """The digest of the last image: of this attempt, or of the one that still serves."""
    if attempt is not None and attempt.status.state == states.SUCCEEDED:
        return (attempt.status.output.digest if attempt.status.output else None) or ""
    known = function.status.revision
    return (known.image_digest if known else None) or ""


def _sources(function: Function, attempt: Builder | None) -> tuple[SourceResult, ...]:
    succeeded = attempt is not None and attempt.status.state == states.SUCCEEDED
    return tuple(attempt.status.sources if attempt and succeeded else function.status.sources)


def _unfinished(found: Iterable[Builder]) -> tuple[Builder, ...]:
    return tuple(one for one in found if not _is_finished(one) and one.spec.state != CANCELLED)


def _is_finished(builder: Builder) -> bool:
    return builder.status.state in states.FINISHED


def _history(build: BuildSpec, others: Iterable[Builder], *, now: datetime) -> tuple[Builder, ...]:
    """Finished attempts above the limits, or too old; newest are kept."""
    finished = sorted(
        (one for one in others if _is_finished(one)), key=lambda one: _created(one, now), reverse=True
    )
    good = [one for one in finished if one.status.state == states.SUCCEEDED]
    bad = [one for one in finished if one.status.state != states.SUCCEEDED]
    above = [
        *good[_limit(build.successful_builds_history_limit, _SUCCESSFUL_LIMIT) :],
        *bad[_limit(build.failed_builds_history_limit, _FAILED_LIMIT) :],
    ]
    old = [one for one in finished if one not in above and _is_too_old(build, one, now=now)]
    return (*above, *old)


def _aged(build: BuildSpec, attempt: Builder | None, *, now: datetime) -> tuple[Builder, ...]:
    """A failed attempt stays however old: without it the Function would build again."""
    if attempt is None or attempt.status.state != states.SUCCEEDED:
        return ()
    return (attempt,) if _is_too_old(build, attempt, now=now) else ()


def _limit(given: int | None, default: int) -> int:
    return default if given is None else given


def _created(builder: Builder, now: datetime) -> datetime:
    since = builder.metadata.creation_timestamp
    return clock.parse(since) if since else now


def _age_limit(build: BuildSpec) -> timedelta:
    return durations.parse(build.builder_max_age) if build.builder_max_age else timedelta(0)


def _is_too_old(build: BuildSpec, builder: Builder, *, now: datetime) -> bool:
    limit = _age_limit(build)
    return bool(limit) and now - _created(builder, now) >= limit


def _next_age(build: BuildSpec, found: Iterable[Builder], *, now: datetime) -> float | None:
    """Seconds until the next Builder is too old."""
    limit = _age_limit(build)
    if not limit:
        return None
    left = [(_created(one, now) + limit - now).total_seconds() for one in found]
    return min((one for one in left if one > 0), default=None)
