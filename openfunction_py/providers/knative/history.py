"""Which old Revisions of a Configuration nobody needs any more.

Pure: it names them and deletes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openfunction_py.api.upstream import knative

LIMIT = 10
NO_COLLECTION = "serving.knative.dev/no-gc"


def superfluous(
    configuration: knative.Configuration,
    revisions: Sequence[knative.Revision],
    routes: Iterable[knative.Route],
    *,
    limit: int = LIMIT,
) -> list[knative.Revision]:
    """Revisions, given oldest first, beyond the newest ``limit`` that no Route and no latest name refers to."""
    kept = referenced(routes)
    status = configuration.status
    if status:
        kept |= {status.latest_created_revision_name or "", status.latest_ready_revision_name or ""}
    return [
        one
        for one in revisions[: max(0, len(revisions) - limit)]
        if one.metadata.name not in kept and not _pinned(one) and not one.metadata.deletion_timestamp
    ]


def _pinned(revision: knative.Revision) -> bool:
    return (revision.metadata.annotations or {}).get(NO_COLLECTION) == "true"


def referenced(routes: Iterable[knative.Route]) -> set[str]:
    """Names of Revisions that some Route asks for or sends traffic to."""
    found: set[str] = set()
    for route in routes:
        found |= names_in(route)
    return found


def names_in(route: knative.Route) -> set[str]:
    """Names of Revisions in one Route's spec and status."""
    wire = route.to_wire()
    targets = [
        *((wire.get("spec") or {}).get("traffic") or []),
        *((wire.get("status") or {}).get("traffic") or []),
    ]
    return {target["revisionName"] for target in targets if target.get("revisionName")}
