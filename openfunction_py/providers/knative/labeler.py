"""The routing state of Revisions: active while a Route refers to them, reserve afterwards.

It writes labels and annotations of Revisions alone; a pending Revision stays so until a Route takes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.controller import cache, types
from openfunction_py.controller import manager as managers
from openfunction_py.lib import clock
from openfunction_py.providers.knative import history, names


class Reconciler:
    """Drives the routing state of one Revision."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._revisions = manager.lister(knative.Revision)
        self._routes = manager.lister(knative.Route)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Patch the labels when the Routes say otherwise than they do."""
        current = self._revisions.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        change = change_of(
            current, self._routes.list(request.namespace), now=clock.timestamp(self._clock.now())
        )
        if change:
            await self._client.patch(
                knative.Revision, request.name, change, namespace=request.namespace, kind="merge"
            )
        return types.Result()


def change_of(revision: knative.Revision, routes: Iterable[knative.Route], *, now: str) -> dict[str, Any]:
    """The merge patch that makes a Revision's routing state true; empty when it is."""
    using = sorted(one.metadata.name for one in routes if revision.metadata.name in history.names_in(one))
    state = revision.metadata.labels.get(names.ROUTING_STATE, names.PENDING)
    wanted = names.ACTIVE if using else (names.RESERVE if state != names.PENDING else names.PENDING)
    listed = ",".join(using)
    annotations: dict[str, str | None] = {}
    if listed != revision.metadata.annotations.get(names.ROUTES, ""):
        annotations[names.ROUTES] = listed or None
    if wanted != state:
        annotations[names.ROUTING_STATE_MODIFIED] = now
    if not annotations:
        return {}
    return {"metadata": {"labels": {names.ROUTING_STATE: wanted}, "annotations": annotations}}


def affected(revisions: cache.Lister[knative.Revision]) -> types.ToRequests:
    """Map a Route to the Revisions it names and those that think it does."""

    def revisions_of(obj: meta.Object) -> Iterable[types.Request]:
        named = history.names_in(obj) if isinstance(obj, knative.Route) else set()
        for one in revisions.list(obj.metadata.namespace):
            listed = one.metadata.annotations.get(names.ROUTES, "").split(",")
            if one.metadata.name in named or obj.metadata.name in listed:
                yield types.Request(one.metadata.namespace, one.metadata.name)

    return revisions_of


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.Revision, managers.by_self),
        managers.Watch(knative.Route, affected(manager.lister(knative.Revision))),
    ]
    manager.add("knative-labeler", Reconciler(manager), watches=watches)
