"""Decoder of the few protobuf bodies that kubectl sends without an alternative; answers are JSON.

It reads Namespace, ConfigMap, Secret, DeleteOptions and the self reviews, and refuses every other kind.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openfunction_py.apiserver import status

MAGIC = b"k8s\0"

Fields = dict[int, tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class _Map:
    """A repeated entry message: `text` values as they are, bytes in base64."""

    text: bool


TEXT, BOOL, TEXTS = "text", "bool", "texts"
STRINGS, BYTES = _Map(text=True), _Map(text=False)

_META: Fields = {1: ("name", TEXT), 2: ("generateName", TEXT), 3: ("namespace", TEXT), 11: ("labels", STRINGS),
                 12: ("annotations", STRINGS), 14: ("finalizers", TEXTS)}  # fmt: skip
_ATTRIBUTES: Fields = {1: ("namespace", TEXT), 2: ("verb", TEXT), 3: ("group", TEXT), 4: ("version", TEXT),
                       5: ("resource", TEXT), 6: ("subresource", TEXT), 7: ("name", TEXT)}  # fmt: skip
_PATH: Fields = {1: ("path", TEXT), 2: ("verb", TEXT)}
_RULES: Fields = {1: ("namespace", TEXT)}
_REVIEW: Fields = {1: ("resourceAttributes", _ATTRIBUTES), 2: ("nonResourceAttributes", _PATH)}
_PRECONDITIONS: Fields = {1: ("uid", TEXT), 2: ("resourceVersion", TEXT)}

KINDS: dict[str, Fields] = {
    "Namespace": {1: ("metadata", _META)},
    "ConfigMap": {1: ("metadata", _META), 2: ("data", STRINGS), 3: ("binaryData", BYTES), 4: ("immutable", BOOL)},
    "Secret": {1: ("metadata", _META), 2: ("data", BYTES), 3: ("type", TEXT), 4: ("stringData", STRINGS),
               5: ("immutable", BOOL)},
    "DeleteOptions": {1: ("gracePeriodSeconds", "int"), 2: ("preconditions", _PRECONDITIONS),
                      3: ("orphanDependents", BOOL), 4: ("propagationPolicy", TEXT), 5: ("dryRun", TEXTS)},
    "SelfSubjectReview": {},
    "SelfSubjectAccessReview": {2: ("spec", _REVIEW)},
    "SelfSubjectRulesReview": {2: ("spec", _RULES)},
}  # fmt: skip


def decode(body: bytes) -> dict[str, Any]:
    """The object in a `application/vnd.kubernetes.protobuf` body.

    Raises:
        status.StatusError: 415 for a kind that is not read here, 400 for a damaged body.
    """
    try:
        envelope = dict(_fields(body.removeprefix(MAGIC)))
        types = {number: bytes(value).decode() for number, value in _fields(_raw(envelope[1]))}
        kind = types.get(2, "")
        if kind in KINDS:
            return {
                "apiVersion": types.get(1, ""),
                "kind": kind,
                **_message(_raw(envelope.get(2, b"")), KINDS[kind]),
            }
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise status.bad_request("the protobuf body is damaged; send JSON") from error
    raise status.unsupported_media(
        f"protobuf bodies of kind {kind} are not read by this server; send JSON (kubectl apply -f does)"
    )


def _raw(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError("a message was expected")
    return value


def _fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message."""
    position = 0
    while position < len(body):
        tag, position = _varint(body, position)
        wire_type = tag & 7
        if wire_type == 0:
            value, position = _varint(body, position)
            yield tag >> 3, value
            continue
        if wire_type == 2:
            size, position = _varint(body, position)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"wire type {wire_type}")
        if position + size > len(body):
            raise ValueError("a field ends behind the body")
        yield tag >> 3, body[position : position + size]
        position += size


def _varint(body: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[position]
        position += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, position
        if shift > 63:
            raise ValueError("a number is too long")


def _message(body: bytes, fields: Fields) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for number, value in _fields(body):
        if number in fields:
            name, type_ = fields[number]
            _put(document, name, type_, value)
    return document


def _put(document: dict[str, Any], name: str, type_: Any, value: int | bytes) -> None:
    if isinstance(value, int):
        document[name] = bool(value) if type_ == BOOL else value
    elif type_ == TEXT:
        if value:
            document[name] = value.decode()
    elif type_ == TEXTS:
        document.setdefault(name, []).append(value.decode())
    elif isinstance(type_, _Map):
        entry = dict(_fields(value))
        key, item = _raw(entry.get(1, b"")), _raw(entry.get(2, b""))
        document.setdefault(name, {})[key.decode()] = (
            item.decode() if type_.text else base64.b64encode(item).decode()
        )
    elif isinstance(type_, dict):
        document[name] = _message(value, type_)
