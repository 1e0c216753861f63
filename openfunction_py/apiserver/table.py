"""Tables: the columns of a kind and their cells, as `kubectl get` prints them.

Columns come from the scheme; this module adds Name and Age where the scheme has none and renders dates as ages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from openfunction_py.api import scheme
from openfunction_py.api.columns import Column
from openfunction_py.apiserver import jsonpath, podtable
from openfunction_py.lib import clock

Document = dict[str, Any]

AGE = Column("Age", "date", ".metadata.creationTimestamp", 0)


def columns(resource: scheme.Resource) -> tuple[Column, ...]:
    """The columns of a kind behind Name."""
    if resource.kind == "Pod" and resource.builtin:
        return podtable.COLUMNS
    found = tuple(column for column in resource.columns if column.name.lower() != "name")
    return found or (AGE,)


def definitions(resource: scheme.Resource) -> list[Document]:
    """The `columnDefinitions` of a kind."""
    head = {
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "Name of the object",
        "priority": 0,
    }
    return [head, *(_definition(column) for column in columns(resource))]


def _definition(column: Column) -> Document:
    return {
        "name": column.name,
        "type": "string" if column.type == "date" else column.type,
        "format": "",
        "description": column.path or column.name,
        "priority": column.priority,
    }


def table(
    resource: scheme.Resource,
    documents: Iterable[Document],
    *,
    metadata: Document,
    include: str,
    now: datetime,
) -> Document:
    """A Table of documents; `include` is what a row carries: Metadata, Object or None."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(resource),
        "rows": [row(resource, document, include=include, now=now) for document in documents],
    }


def row(resource: scheme.Resource, document: Document, *, include: str, now: datetime) -> Document:
    """One row."""
    name = document.get("metadata", {}).get("name", "")
    if resource.kind == "Pod" and resource.builtin:
        cells: Sequence[Any] = podtable.cells(document, age=age(document, AGE.path, now))
    else:
        cells = [_cell(document, column, now) for column in columns(resource)]
    found: Document = {"cells": [name, *cells]}
    if include == "Object":
        found["object"] = document
    elif include != "None":
        found["object"] = partial(document)
    return found


def partial(document: Document) -> Document:
    """The metadata of an object alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": document.get("metadata", {}),
    }


def _cell(document: Document, column: Column, now: datetime) -> Any:
    if column.type == "date":
        return age(document, column.path, now)
    value = jsonpath.first(document, column.path)
    return value if value is None or isinstance(value, (int, float)) else jsonpath.text(value)


def age(document: Document, path: str, now: datetime) -> str:
    """The time since the moment at a path, in kubectl's words."""
    moment = jsonpath.first(document, path)
    if not isinstance(moment, str):
        return "<unknown>"
    try:
        return duration(int((now - clock.parse(moment)).total_seconds()))
    except ValueError:
        return "<invalid>"


def duration(seconds: int) -> str:
    """Seconds in the words of k8s.io/apimachinery's HumanDuration."""
    if seconds < 0:
        return "0s" if seconds >= -2 else "<invalid>"
    for limit, text in ((120, _parts(seconds, ("s", 1))), (600, _parts(seconds, ("m", 60), ("s", 1)))):
        if seconds < limit:
            return text
    hours = seconds // 3600
    if hours < 3:
        return _parts(seconds, ("m", 60))
    if hours < 8:
        return _parts(seconds, ("h", 3600), ("m", 60))
    if hours < 48:
        return _parts(seconds, ("h", 3600))
    days = seconds // 86400
    if days < 8:
        return _parts(seconds, ("d", 86400), ("h", 3600))
    if days < 730:
        return f"{days}d"
    years = days // 365
    return f"{years}y{days % 365}d" if years < 8 and days % 365 else f"{years}y"


def _parts(seconds: int, *units: tuple[str, int]) -> str:
    text = ""
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or not text:
            text += f"{count}{name}"
    return text


_ACCEPTS_TABLE = re.compile(r"as=(Table|PartialObjectMetadata(?:List)?)")


def wanted(accept: str) -> str:
    """The representation a client asks for first: `Table`, `PartialObjectMetadata` or empty for the object."""
    for choice in accept.split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        if media not in ("application/json", "*/*", "application/*"):
            continue
        match = _ACCEPTS_TABLE.search(";".join(parameters))
        if match is None:
            return ""
        if "v=v1" in parameters:
            return "Table" if match[1] == "Table" else "PartialObjectMetadata"
    return ""
