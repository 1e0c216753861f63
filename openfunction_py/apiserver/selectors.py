"""Label and field selectors: the text of a query parsed once into a test on documents.

It refuses what Kubernetes refuses: malformed requirements, and fields a kind is not selectable by.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from openfunction_py.apiserver import status

Document = dict[str, Any]
Test = Callable[[Document], bool]

_KEY = r"(?:[a-zA-Z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUALS = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*([A-Za-z0-9_.-]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")
_NUMERIC = re.compile(rf"^({_KEY})\s*([<>])\s*(-?[0-9]+)$")
_NAME = re.compile(r"^metadata\.name={1,2}([^=].*)$")
_FIELD = re.compile(r"^([A-Za-z0-9.]+)\s*(==|=|!=)\s*(.*)$")

EVERY_KIND = ("metadata.name", "metadata.namespace")
SELECTABLE: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
        "reason", "reportingComponent", "source", "type",
    ),
    "Secret": ("type",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Service": ("spec.clusterIP", "spec.type"),
    "ReplicaSet": ("status.replicas",),
}  # fmt: skip


class Selector:
    """Requirements that a document must all meet; true for everything when there are none."""

    def __init__(self, tests: tuple[Test, ...] = (), *, name: str = "") -> None:
        """Hold the tests; `name` is the one name that can match, if the fields say so."""
        self._tests = tests
        self.name = name

    def __bool__(self) -> bool:
        """Whether there is any requirement."""
        return bool(self._tests)

    def matches(self, document: Document) -> bool:
        """Whether a document meets every requirement."""
        return all(test(document) for test in self._tests)


def parse(*, labels: str, fields: str, kind: str) -> Selector:
    """The selector of a query.

    Raises:
        status.StatusError: 400, a requirement is malformed or a field is not selectable.
    """
    tests = [_label_test(part) for part in _split(labels)]
    tests += [_field_test(part, kind) for part in _split(fields)]
    names = [match[1] for part in _split(fields) if (match := _NAME.match(part))]
    return Selector(tuple(tests), name=names[0] if names else "")


def _split(text: str) -> list[str]:
    """Split at commas outside of parentheses."""
    parts = re.split(r",(?![^()]*\))", text) if text else []
    return [part.strip() for part in parts if part.strip()]


def _labels(document: Document) -> dict[str, str]:
    return document.get("metadata", {}).get("labels") or {}


def _label_test(part: str) -> Test:
    if match := _SET.match(part):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if operator == "in":
            return lambda document: _labels(document).get(key) in values
        return lambda document: _labels(document).get(key) not in values
    if match := _EQUALS.match(part):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda document: _labels(document).get(key) != value
        return lambda document: _labels(document).get(key) == value
    if match := _NUMERIC.match(part):
        key, operator, number = match.groups()
        return lambda document: _compares(_labels(document).get(key), operator, int(number))
    if match := _EXISTS.match(part):
        absent, key = match.groups()
        return lambda document: (key in _labels(document)) != bool(absent)
    raise status.bad_request(
        f'unable to parse requirement: "{part}" is not key=value, key!=value, key in (a,b), key or !key'
    )


def _compares(value: str | None, operator: str, number: int) -> bool:
    if value is None or not re.fullmatch(r"-?[0-9]+", value):
        return False
    return int(value) > number if operator == ">" else int(value) < number


def _field_test(part: str, kind: str) -> Test:
    match = _FIELD.match(part)
    if match is None:
        raise status.bad_request(
            f"invalid field selector; can't understand '{part}': write field=value or field!=value"
        )
    path, operator, value = match.groups()
    if path not in (*EVERY_KIND, *SELECTABLE.get(kind, ())):
        raise status.bad_request(f"field label not supported: {path}")
    wanted = value.replace("\\,", ",").replace("\\=", "=")
    steps = tuple(path.split("."))
    if operator == "!=":
        return lambda document: _field(document, steps) != wanted
    return lambda document: _field(document, steps) == wanted


def _field(document: Document, steps: tuple[str, ...]) -> str:
    found: Any = document
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    if found is None:
        return ""
    return str(found).lower() if isinstance(found, bool) else str(found)
