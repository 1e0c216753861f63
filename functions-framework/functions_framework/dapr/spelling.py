"""How questions spell their parts: paths, queries with metadata, and payloads with their content type."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from functions_framework import jsons
from functions_framework.cloudevent import STRUCTURED, CloudEvent

Metadata = Mapping[str, str]
JSON = "application/json"
BYTES = "application/octet-stream"
TEXT = "text/plain"
JSON_HEADERS: Mapping[str, str] = {"content-type": JSON}


@lru_cache(maxsize=1024)
def path(*parts: str) -> str:
    """A path of encoded parts below the API's root."""
    return "/v1.0" + "".join(f"/{quote(part, safe='')}" for part in parts)


def alpha(*parts: str) -> str:
    """The same for what Dapr still calls alpha."""
    return "/v1.0-alpha1" + "".join(f"/{quote(part, safe='')}" for part in parts)


def query(metadata: Metadata | None = None, **values: str) -> str:
    """`?name=value` of the values that are not empty, and `metadata.<name>`; empty when there are none."""
    pairs = [(name, value) for name, value in values.items() if value]
    pairs += [(f"metadata.{name}", str(value)) for name, value in (metadata or {}).items()]
    return f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""


def payload(data: Any) -> tuple[bytes, str]:  # Any: what a function sends
    """Bytes and content type: bytes as they are, text as UTF-8, a CloudEvent structured, anything else as JSON."""
    if data is None:
        return b"", TEXT
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data), BYTES
    if isinstance(data, str):
        return data.encode(), TEXT
    if isinstance(data, CloudEvent):
        return data.to_structured(), STRUCTURED
    return jsons.dumps(data), JSON


def embedded(data: Any) -> object:  # Any: as above
    """Data as a value inside a JSON document, for the APIs that take no bytes.

    Raises:
        TypeError: bytes that are no text have no place there.
    """
    if not isinstance(data, str | bytes | bytearray | memoryview):
        return data
    raw = data.encode() if isinstance(data, str) else bytes(data)
    try:
        parsed = jsons.loads(raw)
    except jsons.DecodeError:
        return _text(raw)
    return parsed if isinstance(parsed, dict | list) else _text(raw)


def base64(data: bytes) -> str:
    """Base64, as Dapr reads binary values."""
    return b64encode(data).decode()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise TypeError(
            "Dapr's HTTP API takes JSON or text here; encode other bytes, as base64 for instance, "
            "or for a binding set APP_PROTOCOL=grpc"
        ) from error
