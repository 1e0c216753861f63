"""JSON Schemas (2020-12) of annotations, as the framework checks them on the way in and writes them on the way out.

pydantic says what its own types are; what nobody can describe is any value.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import types
import typing
import uuid
from collections import abc
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from functions_framework import jsons
from functions_framework.signatures import checks, parameters

Schema = dict[str, Any]  # Any: JSON
Mode = Literal["in", "out"]
"""Values that are read, or that are written: a default makes a field optional to send and certain to receive."""

ANYTHING: Final[Schema] = {}
_SCALARS: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
    None: {"type": "null"},
    bytes: {"type": "string"},
    bytearray: {"type": "string"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "number", "description": "Seconds."},
    decimal.Decimal: {"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}]},
}
_WRAPPERS: Final = (typing.Required, typing.NotRequired, typing.Final)


class Schemas:
    """The schemas of one document; a class is described once, under `root`, and referred to."""

    def __init__(self, root: str) -> None:
        """Begin a document whose named schemas stand at this place, such as `#/components/schemas/`."""
        self.named: dict[str, Schema] = {}
        self._root = root
        self._known: dict[tuple[Any, Mode], str] = {}

    def of(self, hint: Any, mode: Mode = "in") -> Schema:
        """The schema of an annotation."""
        if hint is parameters.UNKNOWN or hint is Any or hint is object:
            return dict(ANYTHING)
        if checks.is_pydantic(hint) or hasattr(hint, "__pydantic_validator__"):
            return self._pydantic(hint, mode)
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated or origin in _WRAPPERS:
            return self.of(inner[0], mode)
        if origin is Literal:
            return _members(inner)
        if parameters.is_union(hint):
            return {"anyOf": [self.of(each, mode) for each in inner]}
        if isinstance(hint, abc.Hashable) and hint in _SCALARS:
            return dict(_SCALARS[hint])
        return self._of_class(origin or hint, inner, mode)

    def _of_class(self, kind: Any, inner: tuple[Any, ...], mode: Mode) -> Schema:
        if not isinstance(kind, type):
            return dict(ANYTHING)
        if issubclass(kind, enum.Enum):
            return self._enum(kind)
        if parameters.is_model(kind) or hasattr(kind, "_fields"):
            return self._model(kind, mode)
        if issubclass(kind, abc.Mapping):
            return {
                "type": "object",
                "additionalProperties": self.of(inner[1] if len(inner) > 1 else Any, mode),
            }
        if issubclass(kind, tuple) and inner and inner[-1] is not Ellipsis:
            return _tuple([self.of(each, mode) for each in inner])
        if issubclass(kind, abc.Collection) and not issubclass(kind, str | bytes):
            return {"type": "array", "items": self.of(inner[0] if inner else Any, mode)}
        base = next((known for known in _SCALARS if isinstance(known, type) and issubclass(kind, known)), Any)
        return self.of(base, mode)

    def _enum(self, kind: type[enum.Enum]) -> Schema:
        if (kind, "in") not in self._known:
            name = self._claim(kind.__name__, (kind, "in"))
            self.named[name] = {"title": kind.__name__, **_members(tuple(each.value for each in kind))}
        return self.reference(self._known[kind, "in"])

    def _model(self, kind: Any, mode: Mode) -> Schema:
        if (kind, mode) not in self._known:
            name = self._claim(kind.__name__, (kind, mode))
            self.named[name] = {}  # a class that holds itself refers to itself
            made = self.named[name] = self._fields(kind, mode)
            other = self.named.get(self._known.get((kind, "out" if mode == "in" else "in"), ""))
            if made == other:  # the same both ways: one name is enough
                del self.named[name]
                self._known[kind, mode] = self._known[kind, "out" if mode == "in" else "in"]
        return self.reference(self._known[kind, mode])

    def _fields(self, kind: Any, mode: Mode) -> Schema:
        said = _said(kind)
        if mode == "in" and callable(getattr(kind, "from_dict", None)):
            return {"title": kind.__name__, "type": "object", **said}
        if not _has_fields(kind):
            return {"title": kind.__name__, **said}
        try:
            hints = typing.get_type_hints(kind, include_extras=True)
        except Exception:  # noqa: BLE001  # an annotation is the user's code: it may name what only a checker imports
            return {"title": kind.__name__, "type": "object", **said}
        found = checks.described(kind, hints)
        properties = {key: self.of(hint, mode) for key, hint, _ in found}
        is_dict = typing.is_typeddict(kind)
        required = [key for key, _, needed in found if needed or (mode == "out" and not is_dict)]
        for key, default in _defaults(kind).items():
            if key in properties:
                properties[key] = {**properties[key], "default": default}
        made: Schema = {"title": kind.__name__, "type": "object", "properties": properties, **said}
        return {**made, "required": required} if required else made

    def _pydantic(self, hint: Any, mode: Mode) -> Schema:
        """What pydantic says, with its definitions among ours."""
        import pydantic  # noqa: PLC0415  # the annotation is pydantic's, so it is here

        way: Literal["validation", "serialization"] = "validation" if mode == "in" else "serialization"
        try:
            made = pydantic.TypeAdapter(hint).json_schema(mode=way, ref_template="{model}")
        except pydantic.errors.PydanticUserError:  # a type of the user's that has no schema
            return dict(ANYTHING)
        found = made.pop("$defs", {})
        title = made.get("title")
        if title and made.get("type") == "object" and inspect.isclass(hint):
            found, made = {**found, title: made}, {"$ref": title}
        names = {name: self._named(name, schema, mode) for name, schema in found.items()}
        for name, schema in found.items():
            self.named[names[name]] = _renamed(schema, names, self._root)
        return typing.cast("Schema", _renamed(made, names, self._root))

    def _named(self, name: str, schema: Schema, mode: Mode) -> str:
        """The name of a definition: the same as before for the same definition."""
        key = (jsons.dumps(schema), name)
        if (key, "in") not in self._known:
            self._known[key, "in"] = self._claim(name, (name, mode))
        return self._known[key, "in"]

    def _claim(self, name: str, key: tuple[Any, Mode]) -> str:
        """A free name; of a class that is written otherwise than it is read, with `Output`."""
        plain = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
        candidates = [plain, *([f"{plain}Output"] if key[1] == "out" else [])]
        numbered = (f"{plain}{number}" for number in range(2, 10_000))
        found = next(one for one in (*candidates, *numbered) if one not in self.named)
        self.named[found] = {}
        self._known[key] = found
        return found

    def reference(self, name: str) -> Schema:
        """What leads to a named schema."""
        return {"$ref": f"{self._root}{name}"}


def with_default(schema: Schema, default: Any) -> Schema:
    """The schema of a value that need not be sent; a default without JSON form is not told."""
    told = _json(default)
    return schema if told is None and default is not None else {**schema, "default": told}


def _members(values: tuple[Any, ...]) -> Schema:
    """One of these; with their type, where they share one."""
    listed = [value.value if isinstance(value, enum.Enum) else value for value in values]
    kinds = {type(value) for value in listed}
    shared = _SCALARS.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    made: Schema = {"const": listed[0]} if len(listed) == 1 else {"enum": listed}
    return {**({"type": shared["type"]} if "type" in shared else {}), **made}


def _tuple(items: list[Schema]) -> Schema:
    size = len(items)
    return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}


def _has_fields(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or typing.is_typeddict(kind) or hasattr(kind, "_fields")


def _said(kind: Any) -> Schema:
    """The class's own docstring; a dataclass or named tuple without one has its signature there, which says nothing."""
    text = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    return {"description": text} if text and not text.startswith(f"{kind.__name__}(") else {}


def _defaults(kind: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        given = {
            each.name: each.default
            for each in dataclasses.fields(kind)
            if each.default is not dataclasses.MISSING
        }
    else:
        given = dict(getattr(kind, "_field_defaults", {}))
    told = {name: _json(value) for name, value in given.items()}
    return {name: value for name, value in told.items() if value is not None or given[name] is None}


def _json(value: Any) -> Any:
    """A value as JSON holds it; None for one that it cannot."""
    try:
        return jsons.loads(jsons.dumps(value))
    except (TypeError, ValueError):
        return None


def _renamed(schema: Any, names: Mapping[str, str], root: str) -> Any:
    """The schema with each reference by pydantic's name leading to ours."""
    if isinstance(schema, list):
        return [_renamed(each, names, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"{root}{names[value]}"
        if key == "$ref" and value in names
        else _mapping(value, names, root)
        if key == "mapping"
        else _renamed(value, names, root)
        for key, value in schema.items()
    }


def _mapping(value: Any, names: Mapping[str, str], root: str) -> Any:
    """The mapping of a discriminator, whose values are references too; of a property of that name, a schema."""
    if isinstance(value, dict) and all(each in names for each in value.values() if isinstance(each, str)):
        return {
            key: f"{root}{names[each]}" if isinstance(each, str) else _renamed(each, names, root)
            for key, each in value.items()
        }
    return _renamed(value, names, root)
