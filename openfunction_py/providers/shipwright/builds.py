"""Shipwright Build: whether it can be run here, said in its status.

It starts nothing; a BuildRun does.
"""

from __future__ import annotations

from dataclasses import dataclass

from openfunction_py.api.upstream import shipwright
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import durations

MANAGER = "openfunction-shipwright-build"
STRATEGIES = ("openfunction", "buildpacks")
SOURCES = ("Git", "OCI", "OCIArtifact", "Local")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Build cannot be run here, and what to do about it."""

    reason: str
    message: str


class Reconciler:
    """Drives one Build."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._builds = manager.lister(shipwright.Build)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Write the status once: registered, or the reason why not."""
        current = self._builds.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        found = refusal(current.spec)
        status = (
            {"registered": "False", "reason": found.reason, "message": found.message}
            if found
            else {"registered": "True", "reason": "Succeeded", "message": "all validations succeeded"}
        )
        changed = shipwright.Build.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()


def refusal(spec: shipwright.BuildSpec) -> Refusal | None:
    """What keeps a Build from being run here, if anything does."""
    name = spec.strategy.name
    if name not in STRATEGIES:
        return Refusal(
            "BuilderUnsupported",
            f'The strategy "{name}" needs a cluster with Shipwright; here {" and ".join(STRATEGIES)} build: '
            'set strategy.name to "openfunction" or leave it out.',
        )
    if not spec.output.image:
        return Refusal("SpecOutputImageMissing", "The Build has no output.image; name the image to make.")
    if spec.timeout and not is_duration(spec.timeout):
        return Refusal(
            "InvalidTimeout", f'The timeout "{spec.timeout}" is no duration; write it like 10m or 90s.'
        )
    kind = spec.source.type if spec.source else ""
    if kind not in SOURCES:
        return Refusal(
            "SourceNotFound",
            f'The source type "{kind}" is not known; use {", ".join(SOURCES)} and its block.',
        )
    return None


def is_duration(text: str) -> bool:
    """Whether a text is a Go duration above zero."""
    try:
        return durations.parse(text).total_seconds() > 0
    except ValueError:
        return False


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [managers.Watch(shipwright.Build, managers.by_self)]
    manager.add("shipwright-build", Reconciler(manager), watches=watches)
