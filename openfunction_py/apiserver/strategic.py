"""Strategic merge patch: a merge patch whose lists of objects are merged by key, with `$` directives.

It knows the rules of the patch; which list has which key is told by the caller. It refuses unknown directives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openfunction_py.apiserver import status

Document = dict[str, Any]
MergeKey = Callable[[tuple[str, ...]], str | None]
"""The merge key of the list at a path of field names: empty for a set of scalars, None when it is replaced."""

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def merge(document: Document, patch: Any, merge_key: MergeKey) -> Document:
    """The document with the patch applied.

    Raises:
        status.StatusError: 400, the patch is no object or holds an unknown directive.
    """
    if not isinstance(patch, Mapping):
        raise status.bad_request("a strategic merge patch is a JSON object")
    return _maps(document, patch, (), merge_key)


def _maps(document: Any, patch: Mapping[str, Any], path: tuple[str, ...], merge_key: MergeKey) -> Document:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise status.bad_request(f"Unknown patch type found: {directive}: use replace, merge or delete")
    result = dict(document) if isinstance(document, Mapping) else {}
    if _RETAIN in patch:
        result = {name: value for name, value in result.items() if name in patch[_RETAIN]}
    for name, value in patch.items():
        if name.startswith(_DELETE):
            field = name.removeprefix(_DELETE)
            result[field] = [item for item in result.get(field) or () if item not in value]
        elif not name.startswith("$"):
            _put(result, name, value, ((*path, name), merge_key))
    for name, order in patch.items():
        if name.startswith(_ORDER):
            field = name.removeprefix(_ORDER)
            _sort(result, field, order, merge_key((*path, field)))
    return result


def _put(result: Document, name: str, value: Any, where: tuple[tuple[str, ...], MergeKey]) -> None:
    path, merge_key = where
    if value is None:
        result.pop(name, None)
    elif isinstance(value, Mapping):
        if value.get(_DIRECTIVE) == "delete":
            result.pop(name, None)
        else:
            result[name] = _maps(result.get(name), value, path, merge_key)
    elif isinstance(value, list) and (key := merge_key(path)) is not None:
        result[name] = _lists(result.get(name) or [], value, key, where)
    else:
        result[name] = value


def _lists(
    present: list[Any], patch: list[Any], key: str, where: tuple[tuple[str, ...], MergeKey]
) -> list[Any]:
    path, merge_key = where
    if not key:
        return [*present, *(item for item in patch if item not in present)]
    if any(isinstance(item, Mapping) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if item.get(_DIRECTIVE) != "replace"]
    result = list(present)
    for item in patch:
        if not isinstance(item, Mapping) or key not in item:
            raise status.bad_request(f"map: {item} does not contain declared merge key: {key}")
        index = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get(_DIRECTIVE) == "delete":
            result = [old for old in result if old.get(key) != item[key]]
        elif index is None:
            result.append(_maps({}, item, path, merge_key))
        else:
            result[index] = _maps(result[index], item, path, merge_key)
    return result


def _sort(result: Document, field: str, order: list[Any], key: str | None) -> None:
    """Items named in the order come in that order; the others keep their place relative to them as far as they can."""
    items = result.get(field)
    if not isinstance(items, list):
        return
    wanted = [item.get(key) if key and isinstance(item, Mapping) else item for item in order]

    def rank(item: Any) -> int:
        identity = item.get(key) if key and isinstance(item, Mapping) else item
        return wanted.index(identity) if identity in wanted else len(wanted)

    result[field] = sorted(items, key=rank)
