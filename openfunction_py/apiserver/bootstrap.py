"""What a server holds before its first client: the permanent namespaces, and the definitions of the kinds it serves.

It writes through the store like everybody else, and nothing when all is there.
"""

from __future__ import annotations

import uuid
from typing import Any

from openfunction_py.api import admission, crds, scheme
from openfunction_py.apiserver import managed, mutations
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.lifecycle import Write
from openfunction_py.apiserver.request import Target
from openfunction_py.apiserver.store import Mutation, Outcome, View
from openfunction_py.lib import clock

Document = dict[str, Any]

NAMESPACES = ("default", "kube-system", "openfunction")
MANAGER = "openfunction-apiserver"
_ANYTHING: Document = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


async def run(deps: Dependencies) -> None:
    """Make what is missing and bring definitions up to date."""
    for name in NAMESPACES:
        await _ensure(
            deps, "Namespace", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    for resource in scheme.RESOURCES:
        if not resource.builtin:
            await _ensure(deps, "CustomResourceDefinition", definition(resource))


def definition(resource: scheme.Resource) -> Document:
    """The CustomResourceDefinition of a kind; an upstream slice lets everything pass."""
    document = crds.crd(resource)
    version = document["spec"]["versions"][0]
    version["schema"] = {"openAPIV3Schema": version["schema"]["openAPIV3Schema"] or _ANYTHING}
    names = document["spec"]["names"]
    document["spec"]["conversion"] = {"strategy": "None"}
    return {
        **document,
        "status": {
            "acceptedNames": names,
            "storedVersions": [resource.version],
            "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                 "message": "the initial names have been accepted"},
            ],
        },
    }  # fmt: skip


async def _ensure(deps: Dependencies, kind: str, document: Document) -> None:
    resource = next(item for item in scheme.RESOURCES if item.kind == kind and item.builtin)
    target = Target(resource, "", document["metadata"]["name"], "")
    now = deps.clock.now()
    writer = managed.Writer(managed.Manager(MANAGER, "Update"), resource.api_version, clock.timestamp(now))
    write = Write(target, writer, _as_it_is, now)
    if deps.store.get(target.key) is None:
        await deps.store.write(mutations.create(write, document, uid=str(uuid.uuid4()), suffixes=()))
    if "status" in document:
        await deps.store.write(_replacement(write, document))


def _replacement(write: Write, document: Document) -> Mutation:
    """Spec and status as they are today; definitions have no other writer."""

    def mutate(view: View) -> Outcome:
        old = mutations.existing(view, write.target)
        new = {**old, "spec": document["spec"], "status": document["status"]}
        return write.outcome("keep" if new == old else "put", new)

    return mutate


def _as_it_is(_: scheme.Resource, __: str, new: Document, ___: Document | None) -> admission.Admitted:
    return admission.Admitted(new)
