"""Secrets of a Kubernetes API (Dapr's `secretstores.kubernetes`): from within a Pod, or by a kubeconfig file.

Metadata of a request names the namespace; without it the component's, the Pod's, or `default` is asked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import aiohttp
import yaml

from functions_framework import jsons
from openfunction_eventing import trust
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import StoreError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is and who asks."""

    server: str
    namespace: str = "default"
    token_file: str = ""
    token: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    def headers(self) -> dict[str, str]:
        """Who asks; a Pod's token is renewed on disk, so it is read each time."""
        token = Path(self.token_file).read_text(encoding="ascii").strip() if self.token_file else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}


async def open(component: Component) -> Kubernetes:  # noqa: A001 - the name that `drivers` calls
    """Read who we are; the API is asked only for a secret. Raises ComponentError."""
    file = component.text("kubeconfigPath") or os.environ.get("KUBECONFIG", "")
    try:
        access = await asyncio.to_thread(_from_file, file) if file else _from_pod()
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, ssl.SSLError) as error:
        where = f"the kubeconfig {file!r}" if file else "the service account of this Pod"
        raise component.error(
            f"{where} cannot be used: {error}; metadata 'kubeconfigPath' names one"
        ) from error
    namespace = component.text("defaultNamespace") or os.environ.get("NAMESPACE", "") or access.namespace
    return Kubernetes(access, namespace=namespace)


class Kubernetes:
    """The Secrets that this account may read."""

    def __init__(self, access: Access, *, namespace: str) -> None:
        self._access = access
        self._namespace = namespace
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._trouble = ""

    async def get(self, name: str, metadata: Mapping[str, str]) -> dict[str, str] | None:
        """See `port.SecretStore`."""
        found = await self._ask(f"{self._path(metadata)}/{name}")
        return None if found is None else _keys(found)

    async def all(self, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """See `port.SecretStore`."""
        found = await self._ask(self._path(metadata)) or {}
        return {str(one["metadata"]["name"]): _keys(one) for one in found.get("items") or ()}

    def _path(self, metadata: Mapping[str, str]) -> str:
        return f"/api/v1/namespaces/{metadata.get('namespace') or self._namespace}/secrets"

    async def _ask(self, path: str) -> dict[str, Any] | None:  # Any: a Kubernetes object
        access = self._access
        try:
            headers = await asyncio.to_thread(access.headers)
            url = access.server + path
            async with self._session.get(url, headers=headers, ssl=access.tls or True) as answer:
                body = await answer.read()
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._trouble = str(error) or type(error).__name__
            raise StoreError(f"{access.server} cannot be asked: {self._trouble}") from error
        self._trouble = ""
        if status == 404:
            return None
        if status != 200:
            raise StoreError(f"{access.server} answered {status} for {path}: {_message(body)}")
        document: dict[str, Any] = jsons.loads(body)
        return document

    async def close(self) -> None:
        """See `port.SecretStore`."""
        await self._session.close()

    def health(self) -> str:
        """See `port.SecretStore`."""
        return self._trouble


def _keys(secret: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: base64.b64decode(value).decode(errors="replace")
        for name, value in (secret.get("data") or {}).items()
    }


def _message(body: bytes) -> str:
    try:
        return str(jsons.loads(body).get("message"))
    except (jsons.DecodeError, AttributeError):
        return body[:200].decode(errors="replace")


def _from_pod() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ValueError("this process runs in no Pod")
    name = f"[{host}]" if ":" in host else host
    context = trust.context((_ACCOUNT / "ca.crt").read_text(encoding="ascii"))
    namespace = (_ACCOUNT / "namespace").read_text(encoding="ascii").strip()
    return Access(f"https://{name}:{port}", namespace, token_file=str(_ACCOUNT / "token"), tls=context)


def _from_file(file: str) -> Access:
    document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    context = _named(document, "contexts", document["current-context"])["context"]
    cluster = _named(document, "clusters", context["cluster"])["cluster"]
    user = _named(document, "users", context.get("user", ""), missing_ok=True).get("user") or {}
    server = str(cluster["server"]).rstrip("/")
    return Access(
        server,
        str(context.get("namespace") or "default"),
        token_file=str(user.get("tokenFile") or ""),
        token=str(user.get("token") or ""),
        tls=_tls(cluster, user) if server.startswith("https:") else None,
    )


def _named(document: Any, part: str, name: str, *, missing_ok: bool = False) -> dict[str, Any]:
    for one in document.get(part) or ():
        if one.get("name") == name:
            return dict(one)
    if missing_ok:
        return {}
    raise ValueError(f"{part} has no {name!r}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    root = _pem(cluster, "certificate-authority")
    context = trust.context(root)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    cert, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if cert and key:
        with NamedTemporaryFile("w", suffix=".pem") as both:  # the ssl module takes files only
            both.write(f"{cert}\n{key}\n")
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _pem(part: Mapping[str, Any], name: str) -> str:
    if part.get(f"{name}-data"):
        try:
            return base64.b64decode(part[f"{name}-data"]).decode("ascii")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{name}-data is no base64: {error}") from error
    return Path(part[name]).read_text(encoding="ascii") if part.get(name) else ""
