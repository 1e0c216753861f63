"""The CloudEvent value (CloudEvents 1.0, and 0.3 as far as it differs in names only) and its HTTP forms.

It validates what the specification requires and reads the rest when looked at. Its methods are those of the
`cloudevents` package, of 1.x and of 2.x, so that functions written for either take it, and that package's too.
"""

from __future__ import annotations

import datetime
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self
from urllib.parse import quote, unquote
from uuid import uuid4

from functions_framework import errors, jsons, request
from functions_framework.response import Response

REQUIRED = ("id", "source", "specversion", "type")
_TEXTS = (*REQUIRED, "datacontenttype", "subject")  # what JSON could hold in another type
_TEXT_ALONE = {str}
_JSON_NAMES: dict[type, str] = {list: "an array", dict: "an object", bool: "a boolean"}
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_VERSIONS = frozenset({"1.0", "0.3"})
_PREFIX = b"ce-"
# HTTP binding 3.1.3.2: a space, a quote, a percent sign and all beyond ASCII are percent-encoded.
_UNQUOTED = "!#$&'()*+,/:;<=>?@[\\]^`{|}~"
_NAME = re.compile(r"[a-z0-9]+")
_FORMATS = "application/cloudevents"
_JSON = "application/json"
_CONTENT_TYPE = "content-type"  # a hyphen is in no attribute's name
# Each client spells its fields the same way each time; a stranger's many names must not fill the memory.
_REMEMBERED = 512
_ATTRIBUTES: dict[bytes, str] = {}
_GOOD_NAMES: set[str] = set()


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
    def received(cls, attributes: Mapping[str, Any], raw: bytes) -> Self:
        """An event whose data is still the bytes that came; the attributes are kept, not copied."""
        made = cls.__new__(cls)
        made._attributes = attributes if type(attributes) is dict else dict(attributes)  # noqa: SLF001  # our own
        _require(made._attributes)  # noqa: SLF001  # as above
        made._data = _Undecoded(raw)  # noqa: SLF001  # as above
        return made

    @classmethod
    def read(cls, attributes: dict[str, Any], data: Any) -> Self:
        """An event that somebody sent whole; the attributes are kept, not copied, and nothing is filled in."""
        _require(attributes)
        made = cls.__new__(cls)
        made._attributes = attributes  # noqa: SLF001  # our own
        made._data = data  # noqa: SLF001  # as above
        return made

    @classmethod
    def create(cls, attributes: Mapping[str, Any], data: Any = None) -> Self:
        """Make an event (the name that the SDK's conversions call)."""
        return cls(attributes, data)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._attributes[name]
        except KeyError:
            return self._attributes[name.lower()]

    def __setitem__(self, name: str, value: Any) -> None:
        self._attributes[name.lower()] = value

    def __delitem__(self, name: str) -> None:
        del self._attributes[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __eq__(self, other: object) -> bool:
        if not hasattr(other, "get_attributes") or not hasattr(other, "get_data"):
            return NotImplemented
        same = self.get_attributes() == dict(other.get_attributes())
        return same and bool(self.data == other.get_data())

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # it can be changed, as the SDK's can

    def __repr__(self) -> str:
        return f"<CloudEvent {self['type']} from {self['source']} id {self['id']}>"

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute or extension, or the default."""
        return self._attributes.get(name.lower(), default)

    def get_attributes(self) -> dict[str, Any]:
        """Every attribute and extension (the SDK's name)."""
        return dict(self._attributes)

    def _get_attributes(self) -> dict[str, Any]:
        return self._attributes  # what the SDK's base class compares

    def get_data(self) -> Any:
        """The data (the SDK's name)."""
        return self.data

    def get_id(self) -> str:
        """The attribute `id`, as the SDK 2.x reads it; so with the next methods."""
        return str(self["id"])

    def get_source(self) -> str:
        """The attribute `source`."""
        return str(self["source"])

    def get_type(self) -> str:
        """The attribute `type`."""
        return str(self["type"])

    def get_specversion(self) -> str:
        """The attribute `specversion`."""
        return str(self["specversion"])

    def get_datacontenttype(self) -> str | None:
        """The attribute `datacontenttype`, or None."""
        return self._text("datacontenttype")

    def get_dataschema(self) -> str | None:
        """The attribute `dataschema`, in 0.3 `schemaurl`, or None."""
        return self._text("dataschema") or self._text("schemaurl")

    def get_subject(self) -> str | None:
        """The attribute `subject`, or None."""
        return self._text("subject")

    def get_time(self) -> datetime.datetime | None:
        """The attribute `time` as a moment, or None; raises BadRequest when it is no RFC 3339 time."""
        told = self.get("time")
        if told is None or isinstance(told, datetime.datetime):
            return told
        try:
            return datetime.datetime.fromisoformat(str(told))
        except ValueError as error:
            raise errors.BadRequest(f"The CloudEvent's time {told!r} is no RFC 3339 time.") from error

    def get_extension(self, name: str) -> Any:
        """An extension attribute, or None."""
        return self.get(name)

    def _text(self, name: str) -> str | None:
        told = self.get(name)
        return None if told is None else str(told)

    @property
    def data(self) -> Any:  # Any: JSON values, text or bytes, as the event's content type says
        """The data: JSON decoded, text as str, anything else as bytes; raises BadRequest for broken JSON.

        Without a content type it is JSON where it can be read as JSON, else bytes.
        """
        data = self._data
        if type(data) is _Undecoded:
            raw, told = bytes(data), self._attributes.get("datacontenttype")
            self._data = data = _decode_json(raw) if raw and told == _JSON else _decode(raw, told)
        return data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value

    def to_response(self) -> Response:
        """The event as a binary-mode HTTP answer."""
        headers = {f"ce-{name}": quote(str(value), safe=_UNQUOTED) for name, value in self._extra()}
        data = self.data
        content_type = self.get("datacontenttype") or ("text/plain" if isinstance(data, str) else None)
        return Response(data, 200, headers, content_type=content_type)

    def to_structured(self) -> bytes:
        """The event as a structured JSON document."""
        return jsons.dumps(self.to_document())

    def to_document(self) -> dict[str, Any]:
        """The event as what a structured JSON document holds."""
        document = dict(self._attributes)
        data = self.data
        if isinstance(data, bytes):
            document["data_base64"] = b64encode(data).decode()
        elif data is not None:
            document["data"] = data
        return document

    def _extra(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in self._attributes.items() if name != "datacontenttype")


def from_request(received: request.Request, kind: type[CloudEvent] = CloudEvent) -> CloudEvent:
    """Read the event of a request in binary or structured mode, or one of Google's legacy events.

    Args:
        received: the request.
        kind: the class of the event.

    Raises:
        HttpError: 400 that says what is missing, 415 for a batch or another event format.
    """
    found = one_or_all(received, kind)
    if isinstance(found, list):
        raise _not_accepted("batches of events")
    return found


def one_or_all(
    received: request.Request, kind: type[CloudEvent] = CloudEvent
) -> CloudEvent | list[CloudEvent]:
    """Read the event of a request, or the events of a batch; raises as `from_request` does."""
    attributes: dict[str, Any] = {}
    for name, raw in received.fields:
        attribute = _ATTRIBUTES.get(name)
        if attribute is None:
            attribute = _learned(name)
        if attribute:
            try:
                value = raw.decode()
            except UnicodeDecodeError:
                value = raw.decode("latin-1")
            attributes[attribute] = unquote(value) if "%" in value and attribute != _CONTENT_TYPE else value
    declared = attributes.pop(_CONTENT_TYPE, None)
    if declared is not None:
        if declared[:23].lower() == _FORMATS:
            return _in_format(received, declared, kind)
        if attributes:
            attributes["datacontenttype"] = declared
    return kind.received(attributes, received.body) if attributes else _of_body(received, kind)


def _in_format(
    received: request.Request, content_type: str, kind: type[CloudEvent]
) -> CloudEvent | list[CloudEvent]:
    mimetype = content_type.partition(";")[0].strip().lower()
    if mimetype == STRUCTURED:
        return from_structured(received.body, kind)
    if mimetype == BATCH:
        return batch_from_request(received, kind)
    raise _not_accepted(f"the event format {mimetype}")


def _not_accepted(what: str) -> errors.HttpError:
    return errors.HttpError(415, f"This function does not accept {what}; send one event as {STRUCTURED}.")


def _learned(field: bytes) -> str:
    """The attribute that a header field stands for, remembered as clients spell it; empty for any other field."""
    lowered = field.lower()
    attribute = ""
    if lowered == b"content-type":
        attribute = _CONTENT_TYPE
    elif lowered.startswith(_PREFIX):
        attribute = lowered[len(_PREFIX) :].decode("latin-1")
    if len(_ATTRIBUTES) < _REMEMBERED:
        _ATTRIBUTES[field] = attribute
    return attribute


def batch_from_request(received: request.Request, kind: type[CloudEvent] = CloudEvent) -> list[CloudEvent]:
    """Read the events of a batch, in order; raises BadRequest that names the event that is broken."""
    documents = _parsed(received.body)
    if not isinstance(documents, list):
        raise errors.BadRequest("A batch of CloudEvents is a JSON array.")
    events = []
    for index, document in enumerate(documents):
        try:
            events.append(from_document(document, kind))
        except errors.BadRequest as error:
            raise errors.BadRequest(f"Event {index} of the batch: {error.message}") from error
    return events


def from_document(document: object, kind: type[CloudEvent] = CloudEvent) -> CloudEvent:
    """The event of a structured JSON document; raises BadRequest that says what is wrong."""
    if not isinstance(document, dict):
        raise errors.BadRequest("A structured CloudEvent is a JSON object.")
    if "data" in document and "data_base64" in document:
        raise errors.BadRequest("A CloudEvent has either data or data_base64, not both.")
    attributes = dict(document)
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    if set(map(type, attributes.values())) != _TEXT_ALONE:
        attributes = {name: value for name, value in attributes.items() if value is not None}
        _check_texts(attributes)
    if attributes.get("datacontentencoding") == "base64" and attributes.get("specversion") == "0.3":
        encoded, data = data, None
        del attributes["datacontentencoding"]
    if encoded is None:
        return kind.read(attributes, data)
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, TypeError) as error:
        raise errors.BadRequest(f"The CloudEvent's data is no base64: {error}.") from error
    return kind.received(attributes, raw)


def from_structured(body: bytes, kind: type[CloudEvent] = CloudEvent) -> CloudEvent:
    """The event of a structured JSON document in bytes; raises BadRequest as `from_document` does."""
    return from_document(_parsed(body), kind)


def _of_body(received: request.Request, kind: type[CloudEvent]) -> CloudEvent:
    """Without a `ce-` header: a structured event of another content type, or a legacy event."""
    from functions_framework import legacy  # noqa: PLC0415  # only for what is no CloudEvent by its headers

    try:
        document = jsons.loads(received.body)
    except jsons.DecodeError:
        document = None
    if isinstance(document, dict) and "specversion" in document:
        return from_document(document, kind)
    if isinstance(document, dict) and legacy.is_legacy(document):
        return kind(*legacy.to_cloudevent(document, received.path))
    raise _lacks(REQUIRED)


def _parsed(body: bytes) -> object:
    try:
        return jsons.loads(body)
    except jsons.DecodeError as error:
        raise errors.BadRequest(
            f"The body is no JSON, so it is no structured CloudEvent: {error}."
        ) from error


def _require(attributes: Mapping[str, Any]) -> None:
    try:
        whole = attributes["id"] and attributes["source"] and attributes["type"]
        version = whole and attributes["specversion"]
    except KeyError:
        version = None
    if not version:
        raise _lacks([name for name in REQUIRED if not attributes.get(name)])
    if version != "1.0" and str(attributes["specversion"]) not in _VERSIONS:
        raise errors.BadRequest(
            f"The CloudEvent has specversion {attributes['specversion']}; 1.0 is accepted."
        )
    if not attributes.keys() <= _GOOD_NAMES:
        _check_names(attributes)


def _check_names(attributes: Iterable[str]) -> None:
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise errors.BadRequest(
                f"The CloudEvent attribute {name!r} may hold lower-case letters and digits only."
            )
        if name == "data":  # CloudEvents 1.0, JSON format: it would stand in the data's place
            raise errors.BadRequest("No attribute of a CloudEvent may be called data.")
        if len(_GOOD_NAMES) < _REMEMBERED:
            _GOOD_NAMES.add(name)


def _check_texts(attributes: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        told = attributes.get(name, "")
        if type(told) is not str:
            raise errors.BadRequest(
                f"The CloudEvent's {name} is {_JSON_NAMES.get(type(told), 'a number')}; send a string."
            )


def _lacks(names: Iterable[str]) -> errors.BadRequest:
    return errors.BadRequest(
        f"The CloudEvent lacks {', '.join(names)}; send each as header ce-<name>, "
        f"or the whole event as {STRUCTURED}."
    )


def _decode(raw: bytes, content_type: object) -> Any:
    if not raw:
        return None
    mimetype = str(content_type or "").partition(";")[0].strip().lower()
    if request.is_json_type(mimetype):
        return _decode_json(raw)
    if mimetype.startswith("text/"):
        return raw.decode(errors="replace")
    if mimetype:
        return raw
    try:
        return jsons.loads(raw)
    except jsons.DecodeError:
        return raw


def _decode_json(raw: bytes) -> Any:
    try:
        return jsons.loads(raw)
    except jsons.DecodeError as error:
        raise errors.BadRequest(
            f"The CloudEvent's data is no JSON, as its content type says: {error}."
        ) from error
