"""Where a Route's traffic goes: targets resolved to Revisions that are ready.

Pure. A target that cannot be resolved fails all of them, so that the traffic before stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.providers.knative import verdicts

ASSIGNED = "AllTrafficAssigned"


@dataclass(frozen=True, slots=True)
class World:
    """What a Route may refer to, by name."""

    configuration: Callable[[str], knative.Configuration | None]
    revision: Callable[[str], knative.Revision | None]
    tag_url: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The targets to publish, and whether all traffic found its Revision."""

    targets: tuple[knative.TrafficTarget, ...]
    verdict: verdicts.Verdict


def resolve(route: knative.Route, world: World) -> Resolved:
    """Resolve every target; targets for the same Revision, tag and kind are one."""
    found: list[knative.TrafficTarget] = []
    for target in route.spec.traffic:
        one = _by_revision(target, world) if target.revision_name else _by_configuration(target, world)
        if isinstance(one, verdicts.Verdict):
            return Resolved((), one)
        found.append(one)
    wrong = _wrong_total(found)
    if wrong:
        return Resolved((), wrong)
    return Resolved(tuple(_merged(found)), verdicts.true(ASSIGNED))


def _wrong_total(targets: Sequence[knative.TrafficTarget]) -> verdicts.Verdict | None:
    total = sum(one.percent or 0 for one in targets)
    if not targets or total == 100:
        return None
    message = f"The traffic percentages add up to {total}; make them 100."
    return verdicts.Verdict(ASSIGNED, "False", "InvalidTraffic", message)


def _by_revision(target: knative.TrafficTarget, world: World) -> knative.TrafficTarget | verdicts.Verdict:
    name = target.revision_name or ""
    revision = world.revision(name)
    if revision is None:
        return verdicts.Verdict(
            ASSIGNED, "False", "RevisionMissing", f'Revision "{name}" referenced in traffic not found.'
        )
    ready = meta.find_condition(revision.status.conditions, "Ready")
    if ready is None or ready.status == "Unknown":
        return verdicts.Verdict(
            ASSIGNED, "Unknown", "RevisionMissing", f'Revision "{name}" is not yet ready.'
        )
    if ready.status == "False":
        return verdicts.Verdict(
            ASSIGNED, "False", "RevisionMissing", f'Revision "{name}" failed to become ready: {ready.message}'
        )
    return _target(target, name, world)


def _by_configuration(
    target: knative.TrafficTarget, world: World
) -> knative.TrafficTarget | verdicts.Verdict:
    name = target.configuration_name or ""
    configuration = world.configuration(name)
    if configuration is None:
        message = f'Configuration "{name}" referenced in traffic not found.'
        return verdicts.Verdict(ASSIGNED, "False", "ConfigurationMissing", message)
    latest = configuration.status.latest_ready_revision_name
    if latest:
        return _target(target, latest, world)
    ready = meta.find_condition(configuration.status.conditions, "Ready")
    if ready is not None and ready.status == "False":
        message = f'Configuration "{name}" does not have any ready Revision. {ready.message}'.strip()
        return verdicts.Verdict(ASSIGNED, "False", "RevisionMissing", message)
    message = f'Configuration "{name}" is waiting for a Revision to become ready.'
    return verdicts.Verdict(ASSIGNED, "Unknown", "RevisionMissing", message)


def _target(target: knative.TrafficTarget, revision: str, world: World) -> knative.TrafficTarget:
    shown: dict[str, object] = {"revisionName": revision, "latestRevision": not target.revision_name}
    if target.percent is not None:
        shown["percent"] = target.percent
    if target.tag:
        shown |= {"tag": target.tag, "url": world.tag_url(target.tag)}
    return knative.TrafficTarget.model_validate(shown)


def _merged(targets: Sequence[knative.TrafficTarget]) -> list[knative.TrafficTarget]:
    merged: dict[tuple[str | None, str | None, bool | None], knative.TrafficTarget] = {}
    for one in targets:
        key = (one.revision_name, one.tag, one.latest_revision)
        before = merged.get(key)
        if before is None:
            merged[key] = one
        else:
            percent = (before.percent or 0) + (one.percent or 0)
            merged[key] = before.model_copy(update={"percent": percent})
    return list(merged.values())
