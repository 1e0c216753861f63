"""gateway.networking.k8s.io/v1: GatewayClass, Gateway (HttpGateway here), HTTPRoute.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open


class GatewayClassSpec(Open):
    """Who serves Gateways of this class."""

    controller_name: str = ""
    description: str = ""


class ConditionsStatus(Open):
    """Conditions alone."""

    conditions: list[Condition] = Field(default_factory=list)


class GatewayClass(Object):
    """A kind of Gateway on offer."""

    api_version: str = "gateway.networking.k8s.io/v1"
    kind: str = "GatewayClass"
    spec: GatewayClassSpec = Field(default_factory=GatewayClassSpec)
    status: ConditionsStatus = Field(default_factory=ConditionsStatus)


class Listener(Open):
    """A port and the names it serves."""

    name: str
    hostname: str = ""
    port: int
    protocol: str
    tls: dict[str, Any] | None = None
    allowed_routes: dict[str, Any] | None = None


class HttpGatewaySpec(Open):
    """Listeners of a class."""

    gateway_class_name: str = ""
    listeners: list[Listener] = Field(default_factory=list)
    addresses: list[dict[str, Any]] = Field(default_factory=list)


class GatewayAddress(Open):
    """Where a Gateway answers."""

    type: str = ""
    value: str = ""


class HttpGatewayStatus(Open):
    """Whether the listeners are programmed."""

    addresses: list[GatewayAddress] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)
    listeners: list[dict[str, Any]] = Field(default_factory=list)


class HttpGateway(Object):
    """Listeners that routes attach to."""

    api_version: str = "gateway.networking.k8s.io/v1"
    kind: str = "Gateway"
    spec: HttpGatewaySpec = Field(default_factory=HttpGatewaySpec)
    status: HttpGatewayStatus = Field(default_factory=HttpGatewayStatus)


class ParentRef(Open):
    """The Gateway a route attaches to."""

    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    section_name: str = ""
    port: int | None = None


class BackendRef(Open):
    """Where a rule sends requests."""

    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    port: int | None = None
    weight: int | None = None
    filters: list[dict[str, Any]] = Field(default_factory=list)


class HTTPRouteRule(Open):
    """Which requests go where."""

    matches: list[dict[str, Any]] = Field(default_factory=list)
    filters: list[dict[str, Any]] = Field(default_factory=list)
    backend_refs: list[BackendRef] = Field(default_factory=list)
    timeouts: dict[str, Any] | None = None


class HTTPRouteSpec(Open):
    """Names, parents and rules."""

    parent_refs: list[ParentRef] = Field(default_factory=list)
    hostnames: list[str] = Field(default_factory=list)
    rules: list[HTTPRouteRule] = Field(default_factory=list)


class RouteParentStatus(Open):
    """What one Gateway made of a route."""

    parent_ref: ParentRef = Field(default_factory=ParentRef)
    controller_name: str = ""
    conditions: list[Condition] = Field(default_factory=list)


class HTTPRouteStatus(Open):
    """What each Gateway made of a route."""

    parents: list[RouteParentStatus] = Field(default_factory=list)


class HTTPRoute(Object):
    """Rules from names and paths to backends."""

    api_version: str = "gateway.networking.k8s.io/v1"
    kind: str = "HTTPRoute"
    spec: HTTPRouteSpec = Field(default_factory=HTTPRouteSpec)
    status: HTTPRouteStatus = Field(default_factory=HTTPRouteStatus)
