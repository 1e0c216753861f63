"""Addresses of a Function, rendered from its Gateway alone.

Without an address of the Gateway itself there is no path form; it invents none.
"""

from __future__ import annotations

from dataclasses import dataclass

from openfunction_py.api import gateways
from openfunction_py.api.functions import Function, FunctionAddress
from openfunction_py.api.gateways import Gateway

INTERNAL = "Internal"
EXTERNAL = "External"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Host names, paths, and the URLs they make."""

    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    urls: tuple[FunctionAddress, ...]


def render(function: Function, gateway: Gateway) -> Addresses:
    """Host form and path form from outside, and the name among functions.

    Raises:
        TemplateError: a template of the Gateway is wrong.
    """
    name, namespace = function.metadata.name, function.metadata.namespace
    internal = gateways.cluster_host(gateway, name, namespace)
    own = hostnames(function) or (gateways.render_host(gateway, name, namespace),)
    path = gateways.render_path(gateway, name, namespace)
    base = _authorities(gateway, own)
    urls = [FunctionAddress(type=EXTERNAL, value=f"{one}/") for one in base]
    urls += [
        FunctionAddress(type=EXTERNAL, value=f"{one}{path}/")
        for one in _authorities(gateway, tuple(address.value for address in gateway.status.addresses))
    ]
    urls.append(FunctionAddress(type=INTERNAL, value=f"http://{internal}/"))
    return Addresses(hosts=(*own, internal), paths=("/", path), urls=tuple(urls))


def hostnames(function: Function) -> tuple[str, ...]:
    """The names the user chose."""
    triggers = function.spec.serving.triggers if function.spec.serving else None
    route = triggers.http.route if triggers and triggers.http else None
    return tuple(route.hostnames) if route else ()


def _authorities(gateway: Gateway, hosts: tuple[str, ...]) -> list[str]:
    listener = gateways.external_listener(gateway)
    if listener is None:
        return []
    scheme = "https" if listener.protocol == "HTTPS" else "http"
    port = "" if listener.port == _DEFAULT_PORTS[scheme] else f":{listener.port}"
    return [f"{scheme}://{host}{port}" for host in hosts]
