"""A document against a structural schema: wrong types, missing fields, unknown fields.

It checks shape alone; what values mean is for `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openfunction_py.api import fields
from openfunction_py.api.fields import FieldError

Schema = dict[str, Any]
_KEEP = "x-kubernetes-preserve-unknown-fields"


def errors(schema: Schema, value: Any, path: str = "") -> Iterator[FieldError]:
    """Everything whose shape is wrong."""
    wrong = _mismatch(schema, value)
    if wrong:
        yield FieldError(path, fields.TYPE_INVALID, wrong)
    elif isinstance(value, dict):
        yield from _object(schema, value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from errors(schema.get("items", {}), item, f"{path}[{index}]")
    elif "enum" in schema and value not in schema["enum"]:
        allowed = [str(one) for one in schema["enum"] if one]
        yield fields.Field(path, value).unsupported(allowed)


def _object(schema: Schema, value: dict[str, Any], path: str) -> Iterator[FieldError]:
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield FieldError(fields.child(path, name), fields.REQUIRED, f"{name} must be given")
    for name, inside in value.items():
        below = _below(schema, name)
        if below is not None and inside is not None:
            yield from errors(below, inside, fields.child(path, name))


def _below(schema: Schema, name: str) -> Schema | None:
    known: Schema | None = schema.get("properties", {}).get(name)
    return known if known is not None else schema.get("additionalProperties")


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a text; put it in quotes"),
    "integer": ((int,), "a whole number, without quotes"),
    "number": ((int, float), "a number, without quotes"),
    "boolean": ((bool,), "true or false, without quotes"),
    "array": ((list,), "a list"),
    "object": ((dict,), "a map"),
}


def _mismatch(schema: Schema, value: Any) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return "" if fits else f"must be a whole number or a text, not {_kind(value)}"
    expected = schema.get("type")
    if expected is None:
        return ""
    classes, wanted = _TYPES[expected]
    fits = isinstance(value, classes) and (expected == "boolean" or not isinstance(value, bool))
    return "" if fits else f"must be {wanted}, not {_kind(value)}"


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return f"{value!r}" if not isinstance(value, bool) else str(value).lower()


def unknown(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Paths of fields that the schema does not know."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown(schema.get("items", {}), item, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    for name, inside in value.items():
        below = _below(schema, name)
        if below is not None:
            yield from unknown(below, inside, fields.child(path, name))
        elif _closed(schema):
            yield fields.child(path, name)


def prune(schema: Schema, value: Any) -> Any:
    """`value` without unknown fields and without nulls where an object's field is meant."""
    if isinstance(value, list):
        return [prune(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties")
    kept = {}
    for name, inside in value.items():
        below = _below(schema, name)
        if below is None and _closed(schema):
            continue
        if inside is None and known is not None and name in known:
            continue
        kept[name] = prune(below, inside) if below is not None else inside
    return kept


def _closed(schema: Schema) -> bool:
    return "properties" in schema and not schema.get(_KEEP)
