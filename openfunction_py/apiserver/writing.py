"""POST, PUT, PATCH and DELETE: from a request to a mutation to an answer.

The mutation decides inside the store; this module reads bodies and options, and shapes the answer.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from openfunction_py.apiserver import (
    body,
    managed,
    mutations,
    patch,
    reading,
    representation,
    scaling,
    status,
    strategic,
)
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.lifecycle import Deletion, Write
from openfunction_py.apiserver.listtypes import merge_key
from openfunction_py.apiserver.representation import Form
from openfunction_py.apiserver.request import Options, Target, stored
from openfunction_py.apiserver.store import Written
from openfunction_py.lib import clock

Document = dict[str, Any]

# Kubernetes' own alphabet: without vowels and look-alikes.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_NAMES_TRIED = 8
# Kinds whose deletion kube-apiserver answers with what was deleted; typed clients count on it.
ANSWERED_WITH_THE_OBJECT = frozenset({"Pod", "Service", "ServiceAccount"})


@dataclass(frozen=True, slots=True)
class Call:
    """A write request as it came in."""

    deps: Dependencies
    target: Target
    options: Options
    form: Form
    raw: bytes
    media: str

    def decoded(self) -> Any:
        """The value in the body."""
        return body.decode(self.raw, self.media)

    def write(self, *, operation: str = "Update") -> Write:
        """Who writes what, when."""
        now = self.deps.clock.now()
        writer = managed.Writer(
            managed.Manager(self.options.manager, operation, self.target.subresource),
            self.target.resource.api_version,
            clock.timestamp(now),
            force=self.options.flag("force"),
        )
        return Write(
            self.target, writer, self.deps.admission, now,
            validation=self.options.validation, dry_run=self.options.dry_run,
        )  # fmt: skip

    def answer(self, written: Written, *, code: int = 200) -> Response:
        """The stored object."""
        if self.target.subresource == "scale":
            return representation.respond(scaling.view(self.target.resource, written.object), code=code)
        return representation.respond(self.form.one(written.value), code=code, warnings=written.warnings)


async def create(call: Call) -> Response:
    """POST to a collection."""
    document = body.document(call.decoded(), call.target)
    metadata = document["metadata"]
    if metadata.get("resourceVersion"):
        raise status.bad_request("resourceVersion should not be set on objects to be created")
    suffixes = [_suffix() for _ in range(_NAMES_TRIED)] if metadata.get("generateName") else []
    mutation = mutations.create(call.write(), document, uid=str(uuid.uuid4()), suffixes=suffixes)
    return call.answer(await call.deps.store.write(mutation), code=201)


def _suffix() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


async def replace(call: Call) -> Response:
    """PUT to an object, its status or its scale."""
    target = call.target
    if target.subresource == "scale":
        scale = _object(call.decoded())
        return await _update(call, lambda old: scaling.put(target.resource, old, scale))
    document = body.document(call.decoded(), target)
    if not target.resource.builtin and not document["metadata"].get("resourceVersion"):
        message = "Invalid value: 0x0: must be specified for an update"
        raise status.invalid(
            target.subject, [status.Cause("metadata.resourceVersion", "FieldValueInvalid", message)]
        )
    return await _update(call, lambda _: document)


async def _update(call: Call, change: Callable[[Document], Document]) -> Response:
    return call.answer(await call.deps.store.write(mutations.update(call.write(), change)))


async def change(call: Call) -> Response:
    """PATCH in one of its kinds, server-side apply among them."""
    if call.media == patch.APPLY_YAML:
        return await _apply(call)
    value = call.decoded()
    how = _patcher(call, value)
    if call.target.subresource == "scale":
        resource = call.target.resource
        return await _update(call, lambda old: scaling.put(resource, old, how(scaling.view(resource, old))))
    return await _update(call, how)


def _patcher(call: Call, value: Any) -> Callable[[Document], Document]:
    resource = call.target.resource
    if call.media == patch.MERGE:
        return lambda old: patch.merge(old, value)
    if call.media == patch.JSON:
        return lambda old: patch.json(old, value, call.target.subject)
    if call.media == patch.STRATEGIC and resource.builtin:
        return lambda old: strategic.merge(old, value, merge_key(resource))
    accepted = [patch.JSON, patch.MERGE, *([patch.STRATEGIC] if resource.builtin else []), patch.APPLY_YAML]
    raise status.unsupported_media(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )


async def _apply(call: Call) -> Response:
    target = call.target
    if not call.options.query.get("fieldManager"):
        subject = status.Subject("meta.k8s.io", "patchoptions", "PatchOptions")
        message = "Required value: is required for apply patch"
        raise status.invalid(subject, [status.Cause("fieldManager", "FieldValueRequired", message)])
    value = _object(call.decoded())
    if target.subresource == "scale":
        raise status.unsupported_media(
            "apply to scale is not served: use a merge patch on scale, or apply the object"
        )
    for field in ("apiVersion", "kind"):
        if not value.get(field):
            raise status.bad_request(f"{field} must be set in the object to be applied")
    document = body.document(value, target)
    if document["metadata"].get("managedFields"):
        raise status.bad_request("metadata.managedFields must be nil")
    if document["metadata"].setdefault("name", target.name) != target.name:
        raise status.bad_request("the name of the object does not match the name on the URL")
    mutation = mutations.apply(call.write(operation="Apply"), document, uid=str(uuid.uuid4()))
    written = await call.deps.store.write(mutation)
    return call.answer(written, code=201 if written.created else 200)


def _object(value: Any) -> Document:
    if not isinstance(value, dict):
        raise status.bad_request("the body must hold one object")
    return value


async def delete(call: Call) -> Response:
    """DELETE of an object: a Status when it is gone (for some kinds the object), else the object that waits."""
    target = call.target
    written = await call.deps.store.write(mutations.delete(call.write(), _deletion(call)))
    answers_object = target.resource.builtin and target.resource.kind in ANSWERED_WITH_THE_OBJECT
    if answers_object or not (written.removed or call.options.dry_run):
        return call.answer(written)
    details = {**target.subject.details(), "uid": written.object["metadata"].get("uid", "")}
    return representation.respond(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


async def delete_collection(call: Call) -> Response:
    """DELETE of every selected object of a collection; the answer lists them."""
    deps, target = call.deps, call.target
    deletion, selector = _deletion(call), reading.selector_of(call.target, call.options.query)
    snapshot = deps.store.page(stored(target.resource), namespace=target.namespace)
    rows = [row for row in snapshot.rows if reading.chosen(row, selector)]
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(_delete_one(call, target.named(row.name, row.namespace), deletion))
    return representation.respond(
        call.form.many((row.value for row in rows), {"resourceVersion": str(deps.store.revision)})
    )


async def _delete_one(call: Call, target: Target, deletion: Deletion) -> None:
    one = Call(call.deps, target, call.options, call.form, b"", "")
    try:
        await call.deps.store.write(mutations.delete(one.write(), deletion))
    except status.StatusError as error:
        if error.code != 404:  # somebody else was faster
            raise


def _deletion(call: Call) -> Deletion:
    """DeleteOptions from the body, and from the query where the body says nothing."""
    value = call.decoded()
    given = value if isinstance(value, dict) else {}
    query, preconditions = call.options.query, given.get("preconditions") or {}
    grace = given.get("gracePeriodSeconds", call.options.number("gracePeriodSeconds"))
    propagation = str(given.get("propagationPolicy") or query.get("propagationPolicy") or "")
    orphan = given.get("orphanDependents")
    if orphan is not None and not propagation:
        propagation = "Orphan" if orphan else "Background"
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        raise status.bad_request(
            f'propagationPolicy: Unsupported value: "{propagation}": use Background, Foreground or Orphan'
        )
    return Deletion(
        grace_seconds=None if grace is None else int(grace),
        propagation=propagation,
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
    )
