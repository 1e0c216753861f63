"""Admission: default → validate → convert, the same for the embedded server and the webhooks.

It is pure: what depends on other objects is a reconciler's business and a condition, never a refusal here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openfunction_py.api import defaulting, fields, names, rules, schemas, scheme, structure
from openfunction_py.api.fields import FieldError, Invalid
from openfunction_py.api.meta import ObjectMeta
from openfunction_py.api.scheme import Resource

__all__ = ["Admitted", "FieldError", "Invalid", "admit", "unknown_fields"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The object to store, and what to tell the user."""

    object: Document
    warnings: tuple[str, ...] = ()


def admit(resource: Resource, *, operation: str, new: Document, old: Document | None) -> Admitted:
    """The document as it is stored.

    Raises:
        Invalid: with every error of the document, each at the path that the user wrote.
    """
    refusal = _refusal(resource, new)
    if refusal is not None:
        raise Invalid([refusal])
    document = defaulting.default(_rule_kind(resource), new)
    errors = list(_errors(resource, document, old if operation == "UPDATE" else None))
    if errors:
        raise Invalid(_once(errors))
    unknown = (f'unknown field "{path}"' for path in unknown_fields(resource, document))
    warnings = (*unknown, *rules.warnings(_rule_kind(resource), document))
    return Admitted(_stored(resource, document), warnings)


def unknown_fields(resource: Resource, document: Document) -> list[str]:
    """Paths of fields that the kind does not have; strict field validation refuses them."""
    if resource.model is None:
        return []
    return list(structure.unknown(schemas.of(resource.model), document))


def _refusal(resource: Resource, new: Document) -> FieldError | None:
    api_version, kind = new.get("apiVersion", resource.api_version), new.get("kind", resource.kind)
    if (api_version, kind) == (resource.api_version, resource.kind):
        return None
    sentence = scheme.refusal(str(api_version), str(kind))
    expected = f"this address serves {resource.kind} {resource.api_version}, not {kind} {api_version}"
    return FieldError("apiVersion", fields.INVALID, sentence or expected)


def _errors(resource: Resource, document: Document, old: Document | None) -> Iterator[FieldError]:
    if resource.model is not None:
        yield from structure.errors(schemas.of(resource.model), document)
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        yield from structure.errors(schemas.of(ObjectMeta), metadata, "metadata")
        yield from names.errors(resource, metadata)
    yield from rules.errors(_rule_kind(resource), document, old)


def _rule_kind(resource: Resource) -> str:
    """Our Gateway shares its name with Gateway API's; only ours has rules."""
    if resource.group == "networking.openfunction.io":
        return f"OpenFunction{resource.kind}"
    ours = ("core.openfunction.io", "events.openfunction.io")
    return resource.kind if resource.group in ours else ""


def _stored(resource: Resource, document: Document) -> Document:
    if resource.schema is None:
        return document
    kept: Document = structure.prune(resource.schema, document)
    return kept


def _once(errors: list[FieldError]) -> list[FieldError]:
    """One error per field and reason: shape and meaning may see the same fault."""
    seen: dict[tuple[str, str], FieldError] = {}
    for error in errors:
        seen.setdefault((error.path, error.reason), error)
    return list(seen.values())
