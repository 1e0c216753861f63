"""Write requests as mutations: each reads the latest state inside the writer's transaction and decides what to store.

It knows verbs; the rules of an object's life stand in `lifecycle`, who owns what in `managed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openfunction_py.api import scheme
from openfunction_py.apiserver import body, fieldset, lifecycle, listtypes, managed, status
from openfunction_py.apiserver.database import Key
from openfunction_py.apiserver.lifecycle import Deletion, Write
from openfunction_py.apiserver.request import Target
from openfunction_py.apiserver.store import Mutation, Outcome, View

Document = dict[str, Any]
Change = Callable[[Document], Document]

LONGEST_BASE = 58
PERMANENT = frozenset({"default", "kube-system"})


def create(write: Write, document: Document, *, uid: str, suffixes: Sequence[str]) -> Mutation:
    """Store a new object; `suffixes` complete a generateName, the first free one counts."""

    def mutate(view: View) -> Outcome:
        check_namespace(view, write.target)
        named = _named(view, write, document, suffixes)
        outcome = lifecycle.born(write, body.without_nulls(named), uid=uid)
        managed.update(outcome.object, old=None, lists=listtypes.of(write.resource), writer=write.writer)
        return outcome

    return mutate


def _named(view: View, write: Write, document: Document, suffixes: Sequence[str]) -> Document:
    metadata = dict(document["metadata"])
    base = metadata.get("generateName")
    if not metadata.get("name") and base:
        free = (
            name
            for suffix in suffixes
            if view.get(write.target.named(name := base[:LONGEST_BASE] + suffix).key) is None
        )
        metadata["name"] = next(free, "")
    name = metadata.get("name")
    if isinstance(name, str) and view.get(write.target.named(name).key) is not None:
        raise status.already_exists(write.target.named(name).subject)
    return {**document, "metadata": metadata}


def check_namespace(view: View, target: Target) -> None:
    """Refuse new objects in a namespace that is missing or being deleted.

    Raises:
        status.StatusError: 404 or 403.
    """
    if not target.resource.namespaced:
        return
    namespace = view.get(Key("namespaces", "", target.namespace))
    if namespace is None:
        raise status.not_found(status.Subject("", "namespaces", "Namespace", target.namespace))
    if namespace["metadata"].get("deletionTimestamp"):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {target.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        raise status.forbidden(
            target.subject,
            f"unable to create new content in namespace {target.namespace} because it is being terminated",
            causes=[cause],
        )


def update(write: Write, change: Change) -> Mutation:
    """Change an existing object; `change` gets a copy of it and returns the object wanted."""

    def mutate(view: View) -> Outcome:
        old = existing(view, write.target)
        new = body.without_nulls(change(existing(view, write.target)))
        if not isinstance(new.get("metadata"), dict):
            raise status.bad_request("metadata: Invalid value: it must be an object")
        new["metadata"] = dict(new["metadata"])
        if new["metadata"].get("name", write.target.name) != write.target.name:
            raise status.bad_request(
                f"the name of the object ({new['metadata'].get('name')}) does not match the name on the URL"
                f" ({write.target.name})"
            )
        return lifecycle.revised(write, old, new)

    return mutate


def existing(view: View, target: Target) -> Document:
    """A copy of the stored object.

    Raises:
        status.StatusError: 404, there is none.
    """
    found = view.get(target.key)
    if found is None:
        raise status.not_found(target.subject)
    return found


def apply(write: Write, config: Document, *, uid: str) -> Mutation:
    """Server-side apply: merge what the manager wants, or create the object."""
    part = _part(write.resource, write.target.subresource)
    config = body.without_nulls(config)

    def mutate(view: View) -> Outcome:
        lists = listtypes.of(write.resource)
        old = view.get(write.target.key)
        if old is None:
            if write.target.subresource:
                raise status.not_found(write.target.subject)
            check_namespace(view, write.target)
            return _apply_new(write, config, (uid, lists, part))
        lifecycle.check_preconditions(write.target, config["metadata"], old)
        live = existing(view, write.target)
        new = managed.apply(live, config, lists=lists, writer=write.writer, part=part)
        new["metadata"]["resourceVersion"] = old["metadata"].get("resourceVersion")
        return lifecycle.revised(write, old, new, owned=True)

    return mutate


def _apply_new(write: Write, config: Document, how: tuple[str, fieldset.ListTypes, managed.Part]) -> Outcome:
    uid, lists, part = how
    if config["metadata"].get("uid"):
        raise status.conflict(
            write.target.subject,
            f"Precondition failed: UID in precondition: {config['metadata']['uid']}, UID in object meta: ",
        )
    base: Document = {
        "apiVersion": config["apiVersion"], "kind": config["kind"],
        "metadata": {key: config["metadata"][key] for key in ("name", "namespace") if key in config["metadata"]},
    }  # fmt: skip
    merged = managed.apply(base, config, lists=lists, writer=write.writer, part=part)
    return lifecycle.born(write, merged, uid=uid)


def _part(resource: scheme.Resource, subresource: str) -> managed.Part:
    if subresource == "status":
        return managed.Part(only="status")
    return managed.Part(excluded=frozenset({"status"}) & resource.subresources)


def delete(write: Write, deletion: Deletion) -> Mutation:
    """Delete an object, or mark it until its finalizers and its node are done."""

    def mutate(view: View) -> Outcome:
        if write.resource.kind == "Namespace" and write.target.name in PERMANENT:
            raise status.forbidden(write.target.subject, "this namespace may not be deleted")
        return lifecycle.deleted(write, existing(view, write.target), deletion)

    return mutate
