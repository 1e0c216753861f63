"""Requests to an HTTP address (Dapr's `bindings.http`): operations are methods, capitalised metadata are headers."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from openfunction_eventing import trust
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import BindingAnswer, BindingError

OPERATIONS = ("create", "get", "head", "post", "put", "patch", "delete", "options", "trace")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_JSON = "application/json; charset=utf-8"
_TRACE = ("traceparent", "tracestate", "baggage")
_CONNECT = 15.0
_MOST = 100 * 1024 * 1024
_SIZE = re.compile(r"(\d+)\s*([KMG]i?)?B?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}


async def open(component: Component) -> Http:  # noqa: A001 - the name that `drivers` calls
    """Read the metadata; no connection is made yet. Raises ComponentError."""
    address = component.required("url")
    if urlsplit(address).scheme not in ("http", "https"):
        raise component.error(f"metadata 'url' is {address!r}; it must begin with http:// or https://")
    return Http(component, address)


class Http:
    """One address."""

    def __init__(self, component: Component, address: str) -> None:
        self._address = address
        self._strict = component.flag("errorIfNot2XX", default=True)
        self._most = _size(component)
        token, header = component.text("securityToken"), component.text("securityTokenHeader")
        self._headers = {header: token} if token and header else {}
        seconds = component.seconds("responseTimeout", 0.0)
        timeout = aiohttp.ClientTimeout(total=seconds or None, connect=_CONNECT)
        connector = aiohttp.TCPConnector(ssl=_tls(component))
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, raise_for_status=False)

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        """See `port.OutputBinding`; the answer's status is `statusCode` in its metadata."""
        if operation.lower() not in OPERATIONS:
            raise BindingError(f"there is no operation {operation!r}; there are {', '.join(OPERATIONS)}")
        method = "POST" if operation.lower() == "create" else operation.upper()
        body = data if method in _WITH_BODY else None
        try:
            answer = await self._ask(method, body, metadata)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise BindingError(f"{method} {self._address} failed: {said}") from error
        status = int(answer.metadata["statusCode"])
        strict = self._strict
        if metadata.get("errorIfNot2XX"):
            strict = metadata["errorIfNot2XX"].lower() in ("true", "1", "yes", "y", "on", "t")
        if strict and not 200 <= status < 300:
            raise BindingError(f"{method} {self._address} answered with status {status}", status=status)
        return answer

    async def _ask(self, method: str, body: bytes | None, metadata: Mapping[str, str]) -> BindingAnswer:
        address = self._address
        if metadata.get("path"):
            address = address.rstrip("/") + "/" + metadata["path"].lstrip("/")
        headers = self._request_headers(metadata, has_body=body is not None)
        async with self._session.request(method, address, data=body, headers=headers) as answer:
            content = await answer.content.read(self._most) if self._most else await answer.read()
            if self._most:
                content = await _rest(answer.content, content, self._most)
        told = {"statusCode": str(answer.status), "status": f"{answer.status} {answer.reason}"}
        for name in answer.headers:
            told[name] = ", ".join(answer.headers.getall(name))
        return BindingAnswer(content, told)

    def _request_headers(self, metadata: Mapping[str, str], *, has_body: bool) -> dict[str, str]:
        headers = {"Accept": _JSON}
        if has_body:
            headers["Content-Type"] = _JSON
        headers.update(self._headers)
        headers.update({name: value for name, value in metadata.items() if name[:1].isupper()})
        headers.update({name: metadata[name] for name in _TRACE if metadata.get(name)})
        return headers

    async def close(self) -> None:
        """See `port.OutputBinding`."""
        await self._session.close()

    def health(self) -> str:
        """See `port.OutputBinding`."""
        return "the binding is closed" if self._session.closed else ""


async def _rest(stream: aiohttp.StreamReader, begun: bytes, most: int) -> bytes:
    parts = [begun]
    length = len(begun)
    while length < most and (part := await stream.read(most - length)):
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def _size(component: Component) -> int:
    found = component.text("maxResponseBodySize", str(_MOST))
    matched = _SIZE.fullmatch(found.strip())
    if matched is None:
        if re.fullmatch(r"-\d+", found.strip()):
            return 0  # no limit
        raise component.error(f"metadata 'maxResponseBodySize' is {found!r}; it must be bytes, or like 10Mi")
    return int(matched[1]) * _FACTORS[(matched[2] or "").lower()]


def _tls(component: Component) -> Any:  # Any: what aiohttp takes, a context or True
    cert, key = component.text("MTLSClientCert"), component.text("MTLSClientKey")
    root = component.text("MTLSRootCA")
    if not (cert or key or root):
        return True
    if bool(cert) != bool(key):
        raise component.error("metadata 'MTLSClientCert' and 'MTLSClientKey' go together")
    try:
        context = trust.context(_pem(root) if root else "")
        if cert:
            context.load_cert_chain(
                _file(component, cert, "MTLSClientCert"), _file(component, key, "MTLSClientKey")
            )
    except (OSError, ssl.SSLError) as error:
        raise component.error(f"its certificates cannot be read: {error}") from error
    return context


def _pem(value: str) -> str:
    return value if "-----BEGIN" in value else Path(value).read_text(encoding="ascii")


def _file(component: Component, value: str, key: str) -> str:
    if "-----BEGIN" in value:
        raise component.error(f"metadata {key!r} must be the path of a file")
    return value
