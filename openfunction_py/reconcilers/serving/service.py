"""What became of a version that is a template of its Function's Knative Service.

Pure reading.
"""

from __future__ import annotations

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.controller import owned
from openfunction_py.reconcilers.serving.verdicts import Verdict
from openfunction_py.resources import labels, states


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
        and owned.within(wanted.to_wire()["spec"], found.to_wire()["spec"])
        and owned.within(wanted.metadata.labels, found.metadata.labels)
    )


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
