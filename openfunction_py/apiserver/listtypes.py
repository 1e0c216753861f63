"""How lists and maps of a kind are merged and owned: by key, as a set, or as a whole.

For kinds with a schema it reads the `x-kubernetes-list-*` marks, else the merge keys of the api package.
`conditions` are keyed by type everywhere. It merges nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openfunction_py.api import merge_keys, scheme

Keys = tuple[str, ...] | None

_ATOMIC = frozenset(
    {"matchLabels", "selector", "secretKeyRef", "configMapKeyRef", "fieldRef", "nodeSelector"}
)


@dataclass(frozen=True, slots=True)
class Builtin:
    """List types of a built-in kind."""

    kind: str

    def keys(self, path: tuple[str, ...]) -> Keys:
        """See fieldset.ListTypes."""
        common = _common(path)
        return common if common is not None else merge_keys.merge_key(self.kind, path[-1], apply=True)

    def atomic(self, path: tuple[str, ...]) -> bool:
        """See fieldset.ListTypes."""
        return path[-1] in _ATOMIC


@dataclass(frozen=True, slots=True)
class Structural:
    """List types read from a structural schema; a kind without one has those that every kind has."""

    schema: Mapping[str, Any]

    def keys(self, path: tuple[str, ...]) -> Keys:
        """See fieldset.ListTypes."""
        marks = self._at(path)
        kind = marks.get("x-kubernetes-list-type")
        if kind == "map":
            return tuple(marks.get("x-kubernetes-list-map-keys") or ())
        if kind == "set":
            return ()
        return None if kind == "atomic" else _common(path)

    def atomic(self, path: tuple[str, ...]) -> bool:
        """See fieldset.ListTypes."""
        return bool(self._at(path).get("x-kubernetes-map-type") == "atomic")

    def _at(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        node: Mapping[str, Any] = self.schema
        for name in path:
            node = node.get("items") or node
            others = node.get("additionalProperties")
            inner = (node.get("properties") or {}).get(name) or (
                others if isinstance(others, Mapping) else None
            )
            if inner is None:
                return {}
            node = inner
        return node


def _common(path: tuple[str, ...]) -> Keys:
    """Lists that every kind has; an empty tuple is a set of scalars."""
    name = path[-1]
    if name == "conditions" or path == ("metadata", "ownerReferences"):
        return merge_keys.merge_key("", name)
    return () if merge_keys.is_set(name) and path[0] == "metadata" else None


def of(resource: scheme.Resource) -> Builtin | Structural:
    """The list types of a kind."""
    return Builtin(resource.kind) if resource.builtin else Structural(resource.schema or {})


def merge_key(resource: scheme.Resource) -> Callable[[tuple[str, ...]], str | None]:
    """The keys of strategic merge, which joins by one field."""

    def found(path: tuple[str, ...]) -> str | None:
        if merge_keys.is_set(path[-1]):
            return ""
        keys = merge_keys.merge_key(resource.kind, path[-1])
        return keys[0] if keys else None

    return found
