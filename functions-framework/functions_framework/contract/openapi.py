"""The OpenAPI 3.1 document of functions that are called over HTTP."""

from __future__ import annotations

from typing import Any, Final

from functions_framework import cloudevent
from functions_framework.contract import eventtype, results
from functions_framework.contract.schemas import Schema, Schemas, with_default
from functions_framework.contract.subject import Described, Subject
from functions_framework.signatures import parameters
from functions_framework.signatures.parameters import Parameter

_ROOT: Final = "#/components/schemas/"
_TYPED: Final = ("path", "query", "header")
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_KNOWN_METHODS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})


def document(subject: Subject) -> dict[str, Any]:
    """The document."""
    schemas = Schemas(_ROOT)
    paths: dict[str, Any] = {}
    for one in subject.functions:
        if one.function.signature == "websocket":
            continue
        item = paths.setdefault(one.path, {})
        several = len(one.methods) > 1
        for method in one.methods:
            if method in _KNOWN_METHODS:
                suffix = f"_{method.lower()}" if several else ""
                item[method.lower()] = {
                    "operationId": f"{one.name}{suffix}",
                    **_operation(one, method, schemas),
                }
    return {
        "openapi": "3.1.0",
        "info": {"title": subject.title, "version": subject.version},
        "paths": paths,
        **({"components": {"schemas": schemas.named}} if schemas.named else {}),
    }


def _operation(one: Described, method: str, schemas: Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.summary:
        made["summary"] = one.summary
    if one.description:
        made["description"] = one.description
    listed = _parameters(one, schemas)
    if listed:
        made["parameters"] = listed
    body = None if method in _BODILESS and one.surface.body is None else _request_body(one, schemas)
    if body:
        made["requestBody"] = body
    made["responses"] = results.responses(one, schemas)
    return made


def _parameters(one: Described, schemas: Schemas) -> list[dict[str, Any]]:
    typed = {each.key: each for source in _TYPED for each in one.surface.of(source)}
    variables = [
        _variable(name, expression, typed.pop(name, None), schemas)
        for name, expression in one.variables.items()
    ]
    return variables + [_parameter(each, schemas) for each in typed.values()]


def _variable(name: str, expression: str, typed: Parameter | None, schemas: Schemas) -> dict[str, Any]:
    """A variable of the path, which need not be a parameter of the function."""
    hint = str if typed is None or typed.type is parameters.UNKNOWN else typed.type
    schema = schemas.of(hint)
    if expression and schema.get("type") == "string":
        schema = {**schema, "pattern": f"^(?:{expression})$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(one: Parameter, schemas: Schemas) -> dict[str, Any]:
    schema = _text_schema(one, schemas)
    return {"name": one.key, "in": one.source, "required": one.required, "schema": schema}


def _text_schema(one: Parameter, schemas: Schemas) -> Schema:
    """The schema of a value that is sent as text; one that may be left out is never sent as null."""
    schema = schemas.of(one.type)
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if choices and len(choices) < len(schema["anyOf"]):
        schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return schema if one.required or one.default is None else with_default(schema, one.default)


def _request_body(one: Described, schemas: Schemas) -> dict[str, Any] | None:
    body = one.surface.body
    if one.takes_event:
        return _event_body(one, schemas)
    if body is None:
        return None if one.function.signature == "typed" else {"content": {"*/*": {"schema": {}}}}
    return {"required": body.required, "content": _content(body, schemas)}


def _content(body: Parameter, schemas: Schemas) -> dict[str, Any]:
    if body.type is bytes:
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    if body.type is str:
        return {"text/plain": {"schema": {"type": "string"}}}
    schema = schemas.of(body.type)
    return {results.JSON: {"schema": schema if body.required else with_default(schema, body.default)}}


def _event_body(one: Described, schemas: Schemas) -> dict[str, Any]:
    """An event in structured mode, alone or in a batch; in binary mode any body, with the attributes as headers."""
    event = eventtype.schema(one.takes, schemas)
    return {
        "required": True,
        "content": {
            cloudevent.STRUCTURED: {"schema": event},
            cloudevent.BATCH: {"schema": {"type": "array", "items": event}},
            "*/*": {"schema": {}},
        },
    }
