"""Sets of fields as server-side apply counts them, and their `fieldsV1` form on the wire.

A path is a tuple of elements: `f:name` for a field, `k:{…}` for the item of a list with keys, `v:…` for a member of
a list that is a set. Which lists have keys is told by the caller; everything else about kinds is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

Path = tuple[str, ...]
FieldSet = frozenset[Path]

IGNORED = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            "name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp",
            "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields",
        )
    }
)  # fmt: skip
KEY_DEFAULTS = {"protocol": "TCP"}


class ListTypes(Protocol):
    """How the lists of a kind are compared; the path names fields only, list items are left out of it."""

    def keys(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """The fields that identify an item, an empty tuple for a set of scalars, None for a list taken as a whole."""

    def atomic(self, path: tuple[str, ...]) -> bool:
        """Whether a map is taken as a whole."""


def leaves(document: Mapping[str, Any], lists: ListTypes) -> dict[Path, Any]:
    """Every field of a document that can have an owner, with its value; identity fields left out."""
    found: dict[Path, Any] = {}
    _walk(document, (), (), (found, lists))
    for path in IGNORED:
        found.pop(path, None)
    return found


def _walk(value: Any, path: Path, names: tuple[str, ...], into: tuple[dict[Path, Any], ListTypes]) -> None:
    found, lists = into
    if isinstance(value, Mapping) and not (path and lists.atomic(names)):
        if not value and path:
            found[path] = value
        for name, inner in value.items():
            _walk(inner, (*path, f"f:{name}"), (*names, name), into)
        return
    if isinstance(value, list) and (keys := lists.keys(names)) is not None:
        elements = [element_of(item, keys) for item in value]
        if None not in elements and len(set(elements)) == len(elements):
            if not value:
                found[path] = value
            for element, item in zip(elements, value, strict=True):
                found[(*path, element)] = item  # type: ignore[arg-type]  # no None is left here
                if keys:
                    _walk(item, (*path, element), names, into)  # type: ignore[arg-type]
            return
    found[path] = value


def element_of(item: Any, keys: tuple[str, ...]) -> str | None:
    """The path element of a list item; None when the item has not the shape of one."""
    if not keys:
        return None if isinstance(item, (dict, list)) else "v:" + orjson.dumps(item).decode()
    if not isinstance(item, Mapping):
        return None
    identity = {key: item.get(key, KEY_DEFAULTS.get(key)) for key in keys}
    if None in identity.values():
        return None
    return "k:" + orjson.dumps(identity, option=orjson.OPT_SORT_KEYS).decode()


def matches(item: Any, element: str) -> bool:
    """Whether a list item is the one that a path element names."""
    wanted = orjson.loads(element[2:])
    if element.startswith("v:"):
        return bool(item == wanted)
    return isinstance(item, Mapping) and all(
        item.get(key, KEY_DEFAULTS.get(key)) == value for key, value in wanted.items()
    )


def to_wire(fields: Iterable[Path]) -> dict[str, Any]:
    """The `fieldsV1` of a set; `.` marks a member that has members below it."""
    root: dict[str, Any] = {}
    ordered = sorted(fields)
    members = set(ordered)
    for path in ordered:
        node = root
        for depth, element in enumerate(path, start=1):
            if element not in node:
                node[element] = {}
            elif not node[element] and path[:depth] in members and depth < len(path):
                node[element]["."] = {}
            node = node[element]
    return root


def from_wire(fields: Mapping[str, Any]) -> FieldSet:
    """The set that a `fieldsV1` names."""
    found: set[Path] = set()
    _collect(fields, (), found)
    return frozenset(found)


def _collect(node: Mapping[str, Any], path: Path, found: set[Path]) -> None:
    for element, inner in node.items():
        if element == ".":
            found.add(path)
        elif inner:
            _collect(inner, (*path, element), found)
        else:
            found.add((*path, element))


def text(path: Path) -> str:
    """A path as Kubernetes prints it: `.spec.containers[name="a"].image`."""
    parts: list[str] = []
    for element in path:
        if element.startswith("f:"):
            parts.append(f".{element[2:]}")
        elif element.startswith("v:"):
            parts.append(f"[={element[2:]}]")
        else:
            identity = orjson.loads(element[2:])
            parts.append(
                "[" + ",".join(f"{key}={orjson.dumps(identity[key]).decode()}" for key in identity) + "]"
            )
    return "".join(parts)


def ancestors(fields: Iterable[Path]) -> set[Path]:
    """Every proper beginning of the paths."""
    return {path[:depth] for path in fields for depth in range(1, len(path))}


def remove(document: dict[str, Any], path: Path) -> None:
    """Take one field, or one list item, out of a document; nothing happens when it is not there."""
    node: Any = document
    for element in path[:-1]:
        node = _child(node, element)
        if node is None:
            return
    last = path[-1]
    if last.startswith("f:"):
        if isinstance(node, dict):
            node.pop(last[2:], None)
    elif isinstance(node, list):
        node[:] = [item for item in node if not matches(item, last)]


def get(document: Any, path: Path) -> Any:
    """The value at a path, or None."""
    node = document
    for element in path:
        node = _child(node, element)
    return node


def _child(node: Any, element: str) -> Any:
    if element.startswith("f:"):
        return node.get(element[2:]) if isinstance(node, dict) else None
    if not isinstance(node, list):
        return None
    return next((item for item in node if matches(item, element)), None)
