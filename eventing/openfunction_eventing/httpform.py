"""CloudEvents over HTTP: an event as headers and body, and the events of a message that came.

Binary, structured and batch are read; binary is written. It opens no connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from functions_framework import errors, jsons, request
from functions_framework.cloudevent import BATCH, STRUCTURED, CloudEvent, from_document

_PREFIX = "ce-"
# HTTP binding 3.1.3.2: a space, a quote, a percent sign and what is not printable ASCII are percent-encoded.
_PLAIN = "!#$&'()*+,/:;<=>?@[\\]^`{|}~"


def write(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event in binary mode; data that was not decoded goes on byte by byte."""
    headers: dict[str, str] = {}
    for name, value in event.get_attributes().items():
        if name == "datacontenttype":
            headers["Content-Type"] = str(value)
        else:
            headers[f"{_PREFIX}{name}"] = quote(_text(value), safe=_PLAIN)
    data = event._data  # noqa: SLF001 - reading event.data would decode it, and change its bytes
    if data is not None and not isinstance(data, bytes):
        headers.setdefault("Content-Type", "application/json")
    return headers, _body(data, headers.get("Content-Type", ""))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(data: object, content_type: str) -> bytes:
    if data is None or isinstance(data, bytes):
        return bytes(data or b"")
    if isinstance(data, str) and not is_json(content_type):
        return data.encode()
    return jsons.dumps(data)


def is_json(content_type: str) -> bool:
    """Whether a content type says JSON, its parameters aside."""
    return request.is_json_type(_plain(content_type))


def _plain(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def carries(headers: Mapping[str, str]) -> bool:
    """Whether a message claims to hold an event."""
    content_type = _plain(headers.get("Content-Type", ""))
    return content_type in (STRUCTURED, BATCH) or "ce-specversion" in headers


def read(headers: Mapping[str, str], body: bytes) -> list[CloudEvent]:
    """The events of a message, one or a batch; `headers` are looked up whatever their case.

    Raises:
        BadRequest: it holds none, or what is missing of one.
    """
    content_type = headers.get("Content-Type", "")
    form = _plain(content_type)
    if form == STRUCTURED:
        return [from_document(_parsed(body))]
    if form == BATCH:
        return list(_batch(_parsed(body)))
    attributes = {
        name[len(_PREFIX) :].lower(): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }
    if content_type and attributes:
        attributes["datacontenttype"] = content_type
    return [CloudEvent.received(attributes, body)]


def _batch(document: object) -> Iterable[CloudEvent]:
    if not isinstance(document, list):
        raise errors.BadRequest("A batch of CloudEvents is a JSON array.")
    for number, one in enumerate(document):
        try:
            yield from_document(one)
        except errors.BadRequest as error:
            raise errors.BadRequest(f"Event {number} of the batch: {error.message}") from error


def _parsed(body: bytes) -> object:
    try:
        return jsons.loads(body)
    except jsons.DecodeError as error:
        raise errors.BadRequest(f"The body is no JSON, as its content type says: {error}.") from error
