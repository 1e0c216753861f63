"""The part of JSONPath that printer columns and scale paths use: fields, indexes and one kind of filter.

It refuses everything else when parsing, so that a wrong column is found when the server starts.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\.(?P<field>[A-Za-z0-9_-]+(?:\\\.[A-Za-z0-9_/-]+)*)
      | \[\?\(@\.(?P<key>[A-Za-z0-9_.-]+)\s*==\s*(?P<quote>["'])(?P<value>[^"']*)(?P=quote)\)\]
      | \[(?P<index>\d+|\*)\]
      | \[(?P<q2>["'])(?P<quoted>[^"']+)(?P=q2)\]""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Step:
    field: str = ""
    index: int | None = None
    every: bool = False
    key: str = ""
    value: str = ""


@functools.cache
def parse(path: str) -> tuple[_Step, ...]:
    """The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`.

    Raises:
        ValueError: the path uses more than this module knows.
    """
    steps: list[_Step] = []
    position = 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise ValueError(f"unknown JSONPath at {path[position:]!r} of {path!r}")
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> _Step:
    if match["field"] or match["quoted"]:
        return _Step(field=(match["field"] or match["quoted"]).replace("\\.", "."))
    if match["key"]:
        return _Step(key=match["key"], value=match["value"])
    return _Step(every=True) if match["index"] == "*" else _Step(index=int(match["index"]))


def find(document: Any, path: str) -> list[Any]:
    """Every value a path leads to, in order."""
    found = [document]
    for step in parse(path):
        found = [value for item in found for value in _follow(item, step)]
    return [value for value in found if value is not None]


def first(document: Any, path: str) -> Any:
    """The first value a path leads to, or None."""
    found = find(document, path)
    return found[0] if found else None


def _follow(item: Any, step: _Step) -> list[Any]:
    if step.field:
        return [item[step.field]] if isinstance(item, dict) and step.field in item else []
    if not isinstance(item, list):
        return []
    if step.index is not None:
        return item[step.index : step.index + 1]
    if step.every:
        return item
    return [entry for entry in item if isinstance(entry, dict) and text(entry.get(step.key)) == step.value]


def text(value: Any) -> str:
    """A value as kubectl prints it in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else str(value)


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path of fields, making the objects on the way.

    Raises:
        ValueError: the path is more than fields.
    """
    steps = parse(path)
    if not steps or any(not step.field for step in steps):
        raise ValueError(f"{path!r} does not name one field")
    for step in steps[:-1]:
        inner = document.get(step.field)
        if not isinstance(inner, dict):
            inner = document[step.field] = {}
        document = inner
    document[steps[-1].field] = value
