"""The addresses of Routes, under the domain and port of the platform's Gateway.

Pure: it renders names and resolves none.
"""

from __future__ import annotations

from dataclasses import dataclass

from openfunction_py.api import gateways

NAMESPACE = "openfunction"
GATEWAY = "openfunction"
CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class Domain:
    """What follows a Route's name and namespace in its address."""

    name: str = f"svc.{CLUSTER_DOMAIN}"
    port: int = 80


def domain(gateway: gateways.Gateway | None) -> Domain:
    """The domain a Gateway serves, and the port of its first HTTP listener."""
    spec = gateway.to_wire().get("spec", {}) if gateway else {}
    if not spec.get("domain"):
        return Domain()
    listeners = (spec.get("gatewaySpec") or {}).get("listeners") or []
    port = next((one.get("port") for one in listeners if one.get("protocol", "HTTP") == "HTTP"), None)
    return Domain(name=spec["domain"], port=port or 80)


def url(name: str, namespace: str, where: Domain) -> str:
    """The address of a Route for callers outside."""
    port = "" if where.port == 80 else f":{where.port}"
    return f"http://{name}.{namespace}.{where.name}{port}"


def internal(name: str, namespace: str) -> str:
    """The address of a Route for functions among themselves."""
    return f"http://{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
