"""What a version needs beside or instead of a Knative Service: made where it differs, removed where it is no more.

It judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream import apps, batch, core, dapr, keda
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.controller import cache, owned
from openfunction_py.controller import manager as managers
from openfunction_py.reconcilers.serving.verdicts import Verdict
from openfunction_py.resources import async_workloads, dapr_components, labels, scaled_objects, states

SCALERS: tuple[type[meta.Object], ...] = (keda.ScaledObject, keda.ScaledJob)
MODELS: tuple[type[meta.Object], ...] = (
    *SCALERS,
    keda.TriggerAuthentication,
    dapr.Component,
    core.Service,
    apps.Deployment,
    apps.StatefulSet,
    batch.Job,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The objects of one version, in the order in which they are made."""

    objects: Sequence[meta.Object]
    workload: meta.Object | None = None
    scaler: meta.Object | None = None


def is_async(serving: Serving) -> bool:
    """Whether events alone start the function."""
    triggers = serving.spec.triggers
    return triggers is not None and triggers.http is None


def wanted(serving: Serving, function: Function, known: Mapping[str, str]) -> Wanted:
    """What this version needs; `known` are Components that exist, name → type."""
    name, owner = function.metadata.name, meta.owner_of(function)
    components = dapr_components.make(serving, function=name, owner=owner)
    if not is_async(serving):
        return Wanted(components)
    workload = async_workloads.make(serving, function=name, owner=owner, known=known)
    service = async_workloads.make_service(serving, function=name, owner=owner)
    scaler = scaled_objects.make(serving, function=name, owner=owner, known=known)
    authentications = scaled_objects.authentications(serving, function=name, owner=owner)
    objects = [
        *components,
        *authentications,
        *(one for one in (service, workload, scaler) if one is not None),
    ]
    return Wanted(objects, workload, scaler)


class Upkeep:
    """Makes and removes, through one cache per kind."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._listers: dict[type[meta.Object], cache.Lister[meta.Object]] = {
            model: manager.lister(model) for model in MODELS
        }
        self._services = manager.lister(KnativeService)

    def known(self, function: Function) -> dict[str, str]:
        """Components of the namespace that are not this Function's own, name → type."""
        found = self._listers[dapr.Component].list(function.metadata.namespace)
        return {
            one.metadata.name: one.spec.type
            for one in found
            if isinstance(one, dapr.Component) and not owned.is_of(one, function)
        }

    def found(self, one: meta.Object) -> meta.Object | None:
        """The object of that kind and name as the cache has it."""
        return self._listers[type(one)].get(one.metadata.namespace, one.metadata.name)

    def present(self, function: Function) -> list[meta.Object]:
        """Everything of these kinds that is the Function's."""
        return [one for lister in self._listers.values() for one in lister.owned_by(function.metadata.uid)]

    def taken(self, objects: Iterable[meta.Object], function: Function) -> Verdict | None:
        """Why an object of our name cannot be ours."""
        for one in objects:
            found = self.found(one)
            if found is not None and not owned.is_of(found, function):
                sentence = (
                    f"there is a {found.kind} {found.metadata.name} that is not this Function's; delete it"
                )
                return Verdict(states.FAILED, "NotOwned", f"{sentence} or rename the Function")
        return None

    async def make(self, objects: Iterable[meta.Object], *, manager: str) -> None:
        """Apply what differs; raises errors.ApiError."""
        for one in objects:
            found = self.found(one)
            if found is None or not owned.holds(found, one):
                await self._client.apply(one, manager=manager)

    async def remove(self, function: Function, keep: Sequence[meta.Object], *, only: Sequence[type]) -> None:
        """Delete what is the Function's, of these kinds, and not among what is kept."""
        names = {(type(one), one.metadata.name) for one in keep}
        for one in self.present(function):
            if isinstance(one, tuple(only)) and (type(one), one.metadata.name) not in names:
                about = one.metadata
                await self._client.delete(type(one), about.name, namespace=about.namespace, uid=about.uid)

    async def remove_service(self, function: Function) -> None:
        """Delete the Knative Service of an earlier version that was reached by requests."""
        name = labels.knative_service(function.metadata.name)
        found = self._services.get(function.metadata.namespace, name)
        if found is not None and owned.is_of(found, function):
            about = found.metadata
            await self._client.delete(KnativeService, about.name, namespace=about.namespace, uid=about.uid)
