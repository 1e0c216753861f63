"""What a function's author knows of the events that it takes or gives, and the schema that says so.

It checks no event: what a function accepts is the function's to decide.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Annotated, Any, Final

from functions_framework.contract.schemas import Mode, Schema, Schemas
from functions_framework.signatures import parameters

NAME: Final = "CloudEvent"


@dataclass(frozen=True, slots=True)
class EventType:
    """Stands in `Annotated[CloudEvent, EventType(...)]` and is told in the function's contract.

    Attributes:
        type: the events' type, or several.
        source: their source.
        subject: their subject.
        data: the type of their data: a model, a dataclass, a TypedDict ...
    """

    type: str | tuple[str, ...] = ()
    source: str = ""
    subject: str = ""
    data: Any = parameters.UNKNOWN  # Any: an annotation


def of(hint: Any) -> EventType | None:
    """What an annotation says of its events; None when it says nothing."""
    marks = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, EventType)), None)


def schema(about: EventType | None, schemas: Schemas, mode: Mode = "in") -> Schema:
    """The schema of an event in structured mode."""
    schemas.named.setdefault(NAME, CLOUD_EVENT)
    whole = schemas.reference(NAME)
    if about is None:
        return whole
    known: dict[str, Schema] = {}
    types = (about.type,) if isinstance(about.type, str) else about.type
    if types:
        known["type"] = {"const": types[0]} if len(types) == 1 else {"enum": list(types)}
    if about.source:
        known["source"] = {"const": about.source}
    if about.subject:
        known["subject"] = {"const": about.subject}
    if about.data is not parameters.UNKNOWN:
        known["data"] = schemas.of(about.data, mode)
    return {"allOf": [whole, {"type": "object", "properties": known}]}


def names(about: EventType | None) -> tuple[str, ...]:
    """The types that are known."""
    if about is None:
        return ()
    return (about.type,) if isinstance(about.type, str) else about.type


CLOUD_EVENT: Final[Schema] = {
    "title": NAME,
    "description": "An event of CloudEvents 1.0; further attributes are extensions.",
    "type": "object",
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0", "0.3"]},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string"},
        "dataschema": {"type": "string", "format": "uri"},
        "data": {},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["specversion", "id", "source", "type"],
    "not": {"required": ["data", "data_base64"]},
}
