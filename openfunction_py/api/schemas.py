"""Structural OpenAPI schemas, derived from the types.

A type of ours closes its fields; an upstream slice lets the rest pass (x-kubernetes-preserve-unknown-fields).
"""

from __future__ import annotations

import functools
import types
import typing
from typing import Any

from pydantic import BaseModel

from openfunction_py.api.meta import Condition, ObjectMeta, Open

Schema = dict[str, Any]
_SCALARS: dict[object, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}


@functools.cache
def of(model: type[BaseModel]) -> Schema:
    """The schema of a type's wire form; do not change what is returned."""
    fields = model.model_fields.items()
    properties = {
        field.alias or name: _described(_typed(field.annotation), field.description) for name, field in fields
    }
    schema: Schema = {"type": "object", "description": (model.__doc__ or "").strip().splitlines()[0]}
    if properties:
        schema["properties"] = properties
    required = [field.alias or name for name, field in fields if field.is_required()]
    if required:
        schema["required"] = required
    if issubclass(model, Open):
        schema["x-kubernetes-preserve-unknown-fields"] = True
    return schema


def _described(schema: Schema, description: str | None) -> Schema:
    return {**schema, "description": description} if description else schema


def _typed(annotation: object) -> Schema:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is typing.Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _typed(arguments[0]), **_list_type(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _typed(arguments[1])}
    if annotation is ObjectMeta:
        return {"type": "object"}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return of(annotation)
    return _ANYTHING


def _list_type(item: object) -> Schema:
    """Conditions are one per type, whoever writes them."""
    if isinstance(item, type) and issubclass(item, Condition):
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {}


def _union(arguments: tuple[object, ...]) -> Schema:
    choices = [one for one in arguments if one is not type(None)]
    if len(choices) == 1:
        inner = _typed(choices[0])
        nullable = isinstance(choices[0], type) and issubclass(choices[0], BaseModel)
        return {**inner, "nullable": True} if nullable else inner
    if set(choices) == {int, str}:
        return {"x-kubernetes-int-or-string": True}
    return _ANYTHING
