"""The JSON Schema (2020-12) document of functions: for each, what it takes and what it gives."""

from __future__ import annotations

from typing import Any, Final

from functions_framework.contract import eventtype, results
from functions_framework.contract.schemas import Schema, Schemas, with_default
from functions_framework.contract.subject import Described, Subject
from functions_framework.signatures.parameters import Parameter

_PARTS: Final = ("path", "query", "header")


def document(subject: Subject) -> dict[str, Any]:
    """The document: an object with a member for each function, which has `body`, `query`, `result`, ... of it."""
    schemas = Schemas("#/$defs/")
    members = {one.name: _member(one, schemas) for one in subject.functions}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": subject.title,
        "type": "object",
        "properties": members,
        **({"$defs": schemas.named} if schemas.named else {}),
    }


def _member(one: Described, schemas: Schemas) -> Schema:
    parts: dict[str, Schema] = {}
    for source in _PARTS:
        found = one.surface.of(source)
        if found:
            parts[source] = _object(found, schemas)
    if one.takes_event:
        parts["event"] = eventtype.schema(one.takes, schemas)
    if one.surface.body is not None:
        parts["body"] = _value(one.surface.body, schemas)
    result = results.json_of(one, schemas)
    if result is not None:
        parts["result"] = result
    said = {"description": one.summary} if one.summary else {}
    return {"type": "object", "properties": parts, **said}


def _object(found: tuple[Parameter, ...], schemas: Schemas) -> Schema:
    required = [each.key for each in found if each.required]
    properties = {each.key: _value(each, schemas) for each in found}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _value(one: Parameter, schemas: Schemas) -> Schema:
    schema = schemas.of(one.type)
    return schema if one.required else with_default(schema, one.default)
