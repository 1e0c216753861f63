"""The life of an object as Kubernetes keeps it: birth, revision, deletion. Pure: documents in, documents out.

What is written by whom and when comes in as a `Write`; it reads no store and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from openfunction_py.api import admission, scheme, structure
from openfunction_py.apiserver import defaults, demands, immutable, listtypes, managed, status
from openfunction_py.apiserver.request import Target
from openfunction_py.apiserver.store import Outcome
from openfunction_py.lib import clock

Document = dict[str, Any]
Admit = Callable[[scheme.Resource, str, Document, Document | None], admission.Admitted]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
# Kinds whose objects carry no generation in Kubernetes.
WITHOUT_GENERATION = frozenset(
    {"Namespace", "ConfigMap", "Secret", "Event", "Service", "ServiceAccount", "Node", "Lease"}
)
_KEPT = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


@dataclass(frozen=True, slots=True)
class Write:
    """One write request: what it is about, who writes, and what it takes from outside."""

    target: Target
    writer: managed.Writer
    admit: Admit
    now: datetime
    validation: str = "Warn"
    dry_run: bool = False

    @property
    def resource(self) -> scheme.Resource:
        """The kind written."""
        return self.target.resource

    def outcome(self, action: str, document: Document, *, warnings: tuple[str, ...] = ()) -> Outcome:
        """What the store shall do; nothing when the request is a dry run."""
        key = self.target.named(document["metadata"]["name"]).key
        return Outcome("keep" if self.dry_run else action, key, document, warnings)


def born(write: Write, document: Document, *, uid: str) -> Outcome:
    """A new object: identity given, status left out, admitted and owned by its writer."""
    resource = write.resource
    metadata = document["metadata"]
    metadata.pop("resourceVersion", None)
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        metadata.pop(field, None)
    metadata |= {"uid": uid, "creationTimestamp": clock.timestamp(write.now)}
    if "status" in resource.subresources:
        document.pop("status", None)
    if resource.kind not in WITHOUT_GENERATION or not resource.builtin:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)
    defaults.on_create(resource, document)
    document, warnings = admitted(write, document, None)
    return write.outcome("put", document, warnings=warnings)


def admitted(write: Write, new: Document, old: Document | None) -> tuple[Document, tuple[str, ...]]:
    """An object after admission, with warnings.

    Raises:
        status.StatusError: 422 with every cause, 400 for unknown fields in mode Strict.
    """
    if write.validation == "Strict":
        _refuse_unknown(write.resource, new)
    try:
        result = write.admit(write.resource, "CREATE" if old is None else "UPDATE", new, old)
    except admission.Invalid as error:
        raise _invalid(write, new, error.errors) from error
    missing = demands.causes(write.resource, result.object, old)
    if missing:
        raise status.invalid(_subject(write, new), missing)
    warnings = result.warnings
    if write.validation != "Warn":
        warnings = tuple(text for text in warnings if not text.startswith("unknown field"))
    return result.object, warnings


def _invalid(write: Write, document: Document, errors: Iterable[admission.FieldError]) -> status.StatusError:
    causes = [status.Cause(found.path, found.reason, found.message) for found in errors]
    return status.invalid(_subject(write, document), causes)


def _subject(write: Write, document: Document) -> status.Subject:
    name = document["metadata"].get("name") or document["metadata"].get("generateName") or ""
    return write.target.named(str(name)).subject


def _refuse_unknown(resource: scheme.Resource, document: Document) -> None:
    found = [f'unknown field "{path}"' for path in admission.unknown_fields(resource, document)]
    if found:
        raise status.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}:'
            f" strict decoding error: {', '.join(found)}"
        )


def _shaped(write: Write, document: Document) -> None:
    """A status is checked against the schema alone; its writer is a controller."""
    schema = write.resource.schema
    if schema is None:
        return
    part = schema.get("properties", {}).get("status", {})
    if "status" in document:
        errors = list(structure.errors(part, document["status"], "status"))
        if errors:
            raise _invalid(write, document, errors)
        document["status"] = structure.prune(part, document["status"])


def revised(write: Write, old: Document, new: Document, *, owned: bool = False) -> Outcome:
    """An existing object after an update; `owned` when ownership of fields is settled already, as apply does.

    Raises:
        status.StatusError: 409 for an outdated version, 422 for a broken rule.
    """
    check_preconditions(write.target, new["metadata"], old)
    _carry(write, old, new)
    warnings: tuple[str, ...] = ()
    if write.target.subresource == "status":
        _shaped(write, new)
    else:
        defaults.on_write(write.resource, new)
        immutable.carry(write.resource, new, old)
        new, warnings = admitted(write, new, old)
        _check_fixed(write, old, new)
        _check_finalizers(write, old, new)
    if not owned:
        managed.update(new, old=old, lists=listtypes.of(write.resource), writer=write.writer)
    new["metadata"]["resourceVersion"] = old["metadata"].get("resourceVersion")
    if new == old:
        return write.outcome("keep", old, warnings=warnings)
    if "generation" in old["metadata"] and _intent(write.resource, new) != _intent(write.resource, old):
        new["metadata"]["generation"] = int(old["metadata"]["generation"]) + 1
    return write.outcome("remove" if is_finished(new) else "put", new, warnings=warnings)


def check_preconditions(target: Target, metadata: Document, old: Document) -> None:
    """Compare the version and uid a request names with the stored ones.

    Raises:
        status.StatusError: 409, they differ.
    """
    stored = old["metadata"]
    version, uid = metadata.get("resourceVersion"), metadata.get("uid")
    if version and version != stored.get("resourceVersion"):
        raise status.modified(target.subject)
    if uid and uid != stored.get("uid"):
        raise status.conflict(
            target.subject,
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.get('uid')}",
        )


def _carry(write: Write, old: Document, new: Document) -> None:
    """What a write cannot change comes from the stored object."""
    resource, subresource = write.resource, write.target.subresource
    metadata = new["metadata"]
    for field in _KEPT:
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
        else:
            metadata.pop(field, None)
    new |= {"apiVersion": resource.api_version, "kind": resource.kind}
    if subresource == "status":
        _keep_all_but_status(resource, old, new)
    elif "status" in resource.subresources:
        _copy(old, new, "status")
    if resource.kind == "Namespace" and subresource != "finalize":
        _copy(old, new, "spec")


def _keep_all_but_status(resource: scheme.Resource, old: Document, new: Document) -> None:
    """A status write changes status alone; on built-in kinds labels and annotations too, as kube-apiserver lets it."""
    for field in set(old) | set(new):
        if field not in ("status", "metadata"):
            _copy(old, new, field)
    free = ("managedFields", "labels", "annotations") if resource.builtin else ("managedFields",)
    for field in set(old["metadata"]) | set(new["metadata"]):
        if field not in free:
            _copy(old["metadata"], new["metadata"], field)


def _copy(old: Document, new: Document, field: str) -> None:
    if field in old:
        new[field] = old[field]
    else:
        new.pop(field, None)


def _check_fixed(write: Write, old: Document, new: Document) -> None:
    broken = immutable.causes(write.resource, new, old)
    if broken:
        raise status.invalid(write.target.subject, broken)


def _check_finalizers(write: Write, old: Document, new: Document) -> None:
    if not old["metadata"].get("deletionTimestamp"):
        return
    added = [
        item
        for item in new["metadata"].get("finalizers") or ()
        if item not in (old["metadata"].get("finalizers") or ())
    ]
    if added:
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted,"
            f" found new finalizers []string{{{', '.join(repr(item) for item in added)}}}"
        )
        raise status.invalid(
            write.target.subject, [status.Cause("metadata.finalizers", "FieldValueForbidden", message)]
        )


def _intent(resource: scheme.Resource, document: Document) -> Document:
    """What the generation counts: everything but metadata, and but status where it has its own path."""
    left_out = (
        {"metadata", "status"} if "status" in resource.subresources or resource.builtin else {"metadata"}
    )
    return {name: value for name, value in document.items() if name not in left_out}


def is_finished(document: Document) -> bool:
    """Whether nothing holds back an object that is being deleted."""
    metadata = document["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if document.get("kind") == "Namespace" and document.get("spec", {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a client asks of a deletion."""

    grace_seconds: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""


def deleted(write: Write, old: Document, deletion: Deletion) -> Outcome:
    """An object after a request to delete it: gone, or marked and waiting for its finalizers or its node.

    Raises:
        status.StatusError: 409, it is not the object the request means.
    """
    _check_deletion(write, old, deletion)
    metadata = old["metadata"]
    grace = grace_seconds(write.resource, old, deletion)
    marked = bool(metadata.get("deletionTimestamp"))
    finalizers = list(metadata.get("finalizers") or ()) if marked else _finalizers(metadata, deletion)
    held = finalizers or (write.resource.kind == "Namespace" and old.get("spec", {}).get("finalizers"))
    if grace == 0 and not held:
        return write.outcome("remove", old)
    if marked and grace >= int(metadata.get("deletionGracePeriodSeconds") or 0):
        return write.outcome("keep", old)
    new_metadata = {
        **metadata,
        "deletionTimestamp": clock.timestamp(write.now + timedelta(seconds=grace)),
        "deletionGracePeriodSeconds": grace,
        "finalizers": finalizers,
    }
    if not finalizers:
        del new_metadata["finalizers"]
    if "generation" in metadata:
        new_metadata["generation"] = int(metadata["generation"]) + 1
    new = {**old, "metadata": new_metadata}
    if write.resource.kind == "Namespace":
        new["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
    return write.outcome("put", new)


def _check_deletion(write: Write, old: Document, deletion: Deletion) -> None:
    stored = old["metadata"]
    for what, wanted, found in (
        ("UID", deletion.uid, stored.get("uid")),
        ("ResourceVersion", deletion.resource_version, stored.get("resourceVersion")),
    ):
        if wanted and wanted != found:
            raise status.conflict(
                write.target.subject,
                f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found})."
                " The object might have been deleted and then recreated",
            )


def grace_seconds(resource: scheme.Resource, document: Document, deletion: Deletion) -> int:
    """How long an object stays after its deletion: Pods wait for their node, everything else goes at once."""
    if not (resource.kind == "Pod" and resource.builtin):
        return 0
    spec, phase = document.get("spec") or {}, (document.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    if deletion.grace_seconds is not None:
        return max(0, deletion.grace_seconds)
    return int(spec.get("terminationGracePeriodSeconds", 30))


def _finalizers(metadata: Document, deletion: Deletion) -> list[str]:
    """Propagation other than Background is a finalizer that the garbage collector takes away."""
    kept = [item for item in metadata.get("finalizers") or () if item not in (FOREGROUND, ORPHAN)]
    if deletion.propagation == "Foreground":
        return [*kept, FOREGROUND]
    if deletion.propagation == "Orphan":
        return [*kept, ORPHAN]
    return kept if deletion.propagation else list(metadata.get("finalizers") or ())
