"""The CloudEvent value (CloudEvents 1.0) and its HTTP forms, binary and structured.

It validates what the specification requires and reads the rest when looked at.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from functions_framework import errors, jsons, request
from functions_framework.response import Response

REQUIRED = ("id", "source", "specversion", "type")
STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_PREFIX = b"ce-"
# HTTP binding 3.1.3.2: a space, a quote, a percent sign and all beyond ASCII are percent-encoded.
_UNQUOTED = "!#$&'()*+,/:;<=>?@[\\]^`{|}~"
_NAME = re.compile(r"[a-z0-9]+")


class _Undecoded(bytes):
    """Data as it came, until somebody looks at it."""


class CloudEvent:
    """One event: attributes by `event["type"]`, data by `event.data`; the data is decoded when first read."""

    __slots__ = ("_attributes", "_data")

    def __init__(self, attributes: Mapping[str, Any], data: Any = None) -> None:
        """Make an event; `id` and `specversion` are filled in when left out.

        Raises:
            BadRequest: an attribute is missing or its name is not allowed.
        """
        given = dict(attributes)
        given.setdefault("specversion", "1.0")
        if "id" not in given:
            given["id"] = str(uuid4())
        _require(given)
        self._attributes = given
        self._data = data

    @classmethod
    def received(cls, attributes: Mapping[str, Any], raw: bytes) -> CloudEvent:
        """An event whose data is still the bytes that came."""
        _require(attributes)
        return cls(attributes, _Undecoded(raw))

    def __getitem__(self, name: str) -> Any:
        return self._attributes[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        return f"<CloudEvent {self['type']} from {self['source']} id {self['id']}>"

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute or extension, or the default."""
        return self._attributes.get(name.lower(), default)

    def get_attributes(self) -> dict[str, Any]:
        """Every attribute and extension (the SDK's name)."""
        return dict(self._attributes)

    def get_data(self) -> Any:
        """The data (the SDK's name)."""
        return self.data

    @property
    def data(self) -> Any:  # Any: JSON values, text or bytes, as the event's content type says
        """The data: JSON decoded, text as str, anything else as bytes; raises BadRequest for broken JSON."""
        if type(self._data) is _Undecoded:
            self._data = _decode(bytes(self._data), self.get("datacontenttype"))
        return self._data

    def to_response(self) -> Response:
        """The event as a binary-mode HTTP answer."""
        headers = {f"ce-{name}": quote(str(value), safe=_UNQUOTED) for name, value in self._extra()}
        data = self.data
        content_type = self.get("datacontenttype") or ("text/plain" if isinstance(data, str) else None)
        return Response(data, 200, headers, content_type=content_type)

    def to_structured(self) -> bytes:
        """The event as a structured JSON document."""
        document = dict(self._attributes)
        data = self.data
        if isinstance(data, bytes):
            document["data_base64"] = b64encode(data).decode()
        elif data is not None:
            document["data"] = data
        return jsons.dumps(document)

    def _extra(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in self._attributes.items() if name != "datacontenttype")


def from_request(received: request.Request) -> CloudEvent:
    """Read the event of a request in either mode; raises BadRequest or HttpError that says what is missing."""
    mimetype = received.mimetype
    if mimetype == STRUCTURED:
        return _structured(received.body)
    if mimetype.startswith("application/cloudevents"):
        what = "batches of events" if mimetype == _BATCH else f"the event format {mimetype}"
        raise errors.HttpError(415, f"This function does not accept {what}; send one event as {STRUCTURED}.")
    attributes: dict[str, Any] = {
        name[3:].lower().decode("latin-1"): _header_value(value)
        for name, value in received.headers.raw
        if name[:3].lower() == _PREFIX
    }
    if received.content_type is not None:
        attributes["datacontenttype"] = received.content_type
    return CloudEvent.received(attributes, received.body)


def _header_value(raw: bytes) -> str:
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        value = raw.decode("latin-1")
    return unquote(value) if "%" in value else value


def _structured(body: bytes) -> CloudEvent:
    try:
        document = jsons.loads(body)
    except jsons.DecodeError as error:
        raise errors.BadRequest(
            f"The body is no JSON, so it is no structured CloudEvent: {error}."
        ) from error
    if not isinstance(document, dict):
        raise errors.BadRequest("A structured CloudEvent is a JSON object.")
    if "data" in document and "data_base64" in document:
        raise errors.BadRequest("A CloudEvent has either data or data_base64, not both.")
    data = document.pop("data", None)
    encoded = document.pop("data_base64", None)
    attributes = {name: value for name, value in document.items() if value is not None}
    if encoded is None:
        _require(attributes)
        return CloudEvent(attributes, data)
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, TypeError) as error:
        raise errors.BadRequest(f"The attribute data_base64 is no base64: {error}.") from error
    return CloudEvent.received(attributes, raw)


def _require(attributes: Mapping[str, Any]) -> None:
    missing = [name for name in REQUIRED if not attributes.get(name)]
    if missing:
        raise errors.BadRequest(
            f"The CloudEvent lacks {', '.join(missing)}; send each as header ce-<name>, "
            f"or the whole event as {STRUCTURED}."
        )
    if attributes["specversion"] not in {"1.0", "0.3"}:
        raise errors.BadRequest(
            f"The CloudEvent has specversion {attributes['specversion']}; 1.0 is accepted."
        )
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise errors.BadRequest(
                f"The CloudEvent attribute {name!r} may hold lower-case letters and digits only."
            )


def _decode(raw: bytes, content_type: object) -> Any:
    mimetype = str(content_type or "").partition(";")[0].strip().lower()
    if not raw:
        return None
    if request.is_json_type(mimetype):
        return _decode_json(raw)
    if mimetype.startswith("text/"):
        return raw.decode(errors="replace")
    return raw


def _decode_json(raw: bytes) -> Any:
    try:
        return jsons.loads(raw)
    except jsons.DecodeError as error:
        raise errors.BadRequest(
            f"The CloudEvent's data is no JSON, as its content type says: {error}."
        ) from error
