"""Knative Configuration: one immutable Revision per generation of its template.

It never changes a Revision's spec and never looks at traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.providers.knative import history, names, verdicts

MANAGER = "openfunction-knative-configuration"


class Reconciler:
    """Drives one Configuration."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._configurations = manager.lister(knative.Configuration)
        self._revisions = manager.lister(knative.Revision)
        self._routes = manager.lister(knative.Route)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Create this generation's Revision, write the status once, drop Revisions beyond the history limit."""
        current = self._configurations.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        revisions = sorted(self._revisions.owned_by(current.metadata.uid), key=generation_of)
        made = make_revision(current, now=clock.timestamp(self._clock.now()))
        latest = next((one for one in revisions if one.metadata.name == made.metadata.name), None)
        failure = _taken(latest, made) if latest else await self._create(current, made)
        status = make_status(current, latest or made, revisions, failure=failure, now=self._now())
        changed = knative.Configuration.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        await self._forget(changed, revisions)
        return types.Result()

    def _now(self) -> str:
        return clock.timestamp(self._clock.now())

    async def _create(self, owner: knative.Configuration, made: knative.Revision) -> str:
        """Create the Revision; a name that somebody else's Revision has is a failure to tell."""
        try:
            await self._client.create(made)
        except errors.AlreadyExists:
            found = await self._client.get(
                knative.Revision, made.metadata.name, namespace=owner.metadata.namespace
            )
            if any(ref.uid == owner.metadata.uid for ref in found.metadata.owner_references or []):
                return ""
            return (
                f'A Revision "{made.metadata.name}" exists already and belongs to another Configuration: '
                "give the template another name or delete that Revision."
            )
        return ""

    async def _forget(self, current: knative.Configuration, revisions: Sequence[knative.Revision]) -> None:
        routes = self._routes.list(current.metadata.namespace)
        for one in history.superfluous(current, revisions, routes):
            await self._client.delete(
                knative.Revision, one.metadata.name, namespace=one.metadata.namespace, uid=one.metadata.uid
            )


def _taken(found: knative.Revision, made: knative.Revision) -> str:
    """What to say when a template's own name is that of a Revision with another template."""
    if generation_of(found) == generation_of(made) or found.spec == made.spec:
        return ""
    return (
        f'The Revision "{made.metadata.name}" was made from another template and cannot change: '
        "give the new template another name, or none."
    )


def generation_of(revision: knative.Revision) -> int:
    """The Configuration's generation that a Revision was made for."""
    text = (revision.metadata.labels or {}).get(names.CONFIGURATION_GENERATION, "0")
    return int(text) if text.isdigit() else 0


def make_revision(configuration: knative.Configuration, *, now: str) -> knative.Revision:
    """The Revision of the Configuration's generation; a name in the template wins over the derived one."""
    template = configuration.to_wire()["spec"]["template"]
    metadata = template.get("metadata") or {}
    generation = configuration.metadata.generation or 1
    labels = {
        **(metadata.get("labels") or {}),
        **names.family(configuration.metadata.labels),
        names.CONFIGURATION: configuration.metadata.name,
        names.CONFIGURATION_UID: configuration.metadata.uid or "",
        names.CONFIGURATION_GENERATION: str(generation),
        names.ROUTING_STATE: names.PENDING,
    }
    annotations = {**(metadata.get("annotations") or {}), names.ROUTING_STATE_MODIFIED: now}
    return knative.Revision.model_validate(
        {
            "metadata": {
                "name": metadata.get("name") or names.revision(configuration.metadata.name, generation),
                "namespace": configuration.metadata.namespace,
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [meta.owner_of(configuration).to_wire()],
            },
            "spec": template["spec"],
        }
    )


def latest_ready(revisions: Sequence[knative.Revision], *, before: str | None) -> str | None:
    """The newest Revision that is ready; one that was the latest ready stays it when it is not now."""
    ready = [one for one in revisions if is_ready(one)]
    known = next((generation_of(one) for one in revisions if one.metadata.name == before), 0)
    newest = ready[-1] if ready else None
    if newest is None or (before and generation_of(newest) < known):
        return before
    return newest.metadata.name


def is_ready(revision: knative.Revision) -> bool:
    """Whether a Revision is Ready."""
    return meta.is_true((revision.status.conditions if revision.status else None) or [], "Ready")


def make_status(
    configuration: knative.Configuration,
    latest: knative.Revision,
    revisions: Sequence[knative.Revision],
    *,
    failure: str,
    now: str,
) -> dict[str, Any]:
    """Latest created and ready Revisions, and Ready as the latest created one is."""
    before = configuration.status
    status: dict[str, Any] = {"observedGeneration": configuration.metadata.generation}
    known = before.latest_ready_revision_name if before else None
    ready = latest_ready(revisions, before=known)
    if ready:
        status["latestReadyRevisionName"] = ready
    if failure:
        verdict = verdicts.Verdict("RevisionCreated", "False", "RevisionFailed", failure)
        if before and before.latest_created_revision_name:
            status["latestCreatedRevisionName"] = before.latest_created_revision_name
    else:
        status["latestCreatedRevisionName"] = latest.metadata.name
        verdict = _verdict(latest)
    decided = verdicts.write((before.conditions if before else None), [verdict], now=now)
    status["conditions"] = [one for one in decided if one["type"] == "Ready"]
    return status


def _verdict(latest: knative.Revision) -> verdicts.Verdict:
    condition = meta.find_condition((latest.status.conditions if latest.status else None) or [], "Ready")
    if condition is None or condition.status == "Unknown":
        return verdicts.Verdict("Latest", reason=(condition.reason or "") if condition else "")
    if condition.status == "True":
        return verdicts.true("Latest")
    message = f'Revision "{latest.metadata.name}" failed with message: {condition.message or condition.reason or ""}'
    return verdicts.Verdict("Latest", "False", condition.reason or "RevisionFailed", message)


def owners_of_routed(obj: meta.Object) -> list[types.Request]:
    """Map a Route to the Configurations it names: their old Revisions may have become superfluous."""
    targets = obj.to_wire().get("spec", {}).get("traffic") or []
    found = {target["configurationName"] for target in targets if target.get("configurationName")}
    return [types.Request(obj.metadata.namespace or "", name) for name in sorted(found)]


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.Configuration, managers.by_self),
        managers.Watch(knative.Revision, managers.by_owner("Configuration")),
        managers.Watch(knative.Route, owners_of_routed),
    ]
    manager.add("knative-configuration", Reconciler(manager), watches=watches)
