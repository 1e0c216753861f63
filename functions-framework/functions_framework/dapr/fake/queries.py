"""Dapr's state queries over plain values: filter (EQ, NEQ, GT, GTE, LT, LTE, IN, AND, OR), sort, page."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "EQ": operator.eq, "NEQ": operator.ne, "GT": operator.gt, "GTE": operator.ge, "LT": operator.lt, "LTE": operator.le,
}  # fmt: skip


def run(values: Mapping[str, Any], query: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a query document: a page of the values that fit, and the token of the next."""
    found = [key for key, value in values.items() if fits(value, query.get("filter") or {})]
    for order in reversed(query.get("sort") or []):
        found.sort(key=lambda key: _at(values[key], order["key"]), reverse=order.get("order") == "DESC")
    page = query.get("page") or {}
    start = int(page.get("token") or 0)
    end = start + int(page.get("limit") or len(found))
    token = {"token": str(end)} if end < len(found) else {}
    return {"results": [{"key": key, "data": values[key]} for key in found[start:end]], **token}


def fits(value: Any, wanted: Mapping[str, Any]) -> bool:
    """True when a value fits a filter; what has no such field, or one of another kind, does not."""
    if not wanted:
        return True
    kind, of = next(iter(wanted.items()))
    if kind == "AND":
        return all(fits(value, one) for one in of)
    if kind == "OR":
        return any(fits(value, one) for one in of)
    path, given = next(iter(of.items()))
    found = _at(value, path)
    if kind == "IN":
        return found in given
    try:
        return found is not None and bool(_COMPARE[kind](found, given))
    except TypeError:
        return False


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
