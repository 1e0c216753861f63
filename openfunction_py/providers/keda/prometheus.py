"""The scaler prometheus: the one value of an instant query.

Its metadata are KEDA's: who we are by authModes (bearer, basic, tls, custom), headers and parameters of the query.
"""

from __future__ import annotations

import base64
import ssl
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.providers.keda import certificates
from openfunction_py.providers.keda.network import Network, Way
from openfunction_py.providers.keda.parameters import Look

_MODES = ("bearer", "basic", "tls", "custom")


class Prometheus:
    """Asks servers of Prometheus, and what speaks like them."""

    def __init__(self, network: Network) -> None:
        """Ask through this network."""
        self._network = network

    async def read(self, look: Look, now: datetime) -> Reading:
        """The query's one value; raises ScalerError."""
        threshold = _threshold(look)
        answer = await self._network.ask(self._url(look, now), _way(look))
        return scalers.prometheus(
            _samples(answer),
            threshold=threshold,
            activation=look.number("activationThreshold", 0.0),
            ignore_nulls=not look.settings.get("ignoreNullValues") or look.flag("ignoreNullValues"),
        )

    def _url(self, look: Look, now: datetime) -> str:
        server = urlsplit(look.required("serverAddress").rstrip("/"))
        if server.scheme not in ("http", "https"):
            raise ScalerError(f"serverAddress of the trigger {look.name} is no URL; write http://host:port")
        asked = {"query": look.required("query"), "time": now.isoformat()}
        if look.settings.get("namespace"):
            asked["namespace"] = look.settings["namespace"]
        asked |= _pairs(look, "queryParameters")
        host, port = self._network.places(server.hostname or "", _port(server), namespace=look.namespace)[0]
        where = f"[{host}]" if ":" in host else host
        return f"{server.scheme}://{where}:{port}{server.path}/api/v1/query?{urlencode(asked)}"


def _threshold(look: Look) -> float:
    look.required("threshold")
    return look.number("threshold", 0.0)


def _way(look: Look) -> Way:
    """Headers and certificates; raises ScalerError."""
    settings = look.settings
    modes = [one.strip() for one in settings.get("authModes", "").split(",") if one.strip()]
    unknown = [one for one in modes if one not in _MODES]
    if unknown:
        raise ScalerError(
            f"authModes of the trigger {look.name} has {', '.join(unknown)}; there are {', '.join(_MODES)}"
        )
    headers = _pairs(look, "customHeaders")
    if settings.get("cortexOrgID"):
        headers["X-Scope-OrgID"] = settings["cortexOrgID"]
    if "bearer" in modes:
        headers["Authorization"] = f"Bearer {look.required('bearerToken')}"
    if "basic" in modes:
        login = f"{look.required('username')}:{settings.get('password', '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    if "custom" in modes:
        headers[look.required("customAuthHeader")] = look.required("customAuthValue")
    server = urlsplit(look.required("serverAddress"))
    return Way(headers, _context(look, modes), (server.hostname or "") if server.scheme == "https" else "")


def _context(look: Look, modes: list[str]) -> ssl.SSLContext | None:
    wants = look.settings.get("ca") or look.settings.get("unsafeSsl") or "tls" in modes
    return certificates.context(look, own="tls" in modes) if wants else None


def _pairs(look: Look, key: str) -> dict[str, str]:
    """`a=b,c=d`; raises ScalerError."""
    found = {}
    for part in filter(None, (one.strip() for one in look.settings.get(key, "").split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name:
            raise ScalerError(
                f"{key} of the trigger {look.name} has {part!r}; write name=value with commas between"
            )
        found[name.strip()] = value.strip()
    return found


def _port(server: SplitResult) -> int:
    return server.port or (443 if server.scheme == "https" else 80)


def _samples(answer: Any) -> list[float | None]:
    try:
        data = answer["data"]
        result = data["result"] or []
        pairs = [result] if data.get("resultType") == "scalar" else [one["value"] for one in result]
        return [None if pair[1] is None else float(pair[1]) for pair in pairs]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ScalerError("the answer is none of Prometheus") from error
