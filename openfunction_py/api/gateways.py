"""Gateway networking.openfunction.io/v1alpha1, and the addresses it gives to functions.

Rendering is pure: the object alone decides, and a wrong template is an error, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from openfunction_py.api.meta import Condition, Model, Object
from openfunction_py.api.upstream.gatewayapi import Listener

HOST_TEMPLATE = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
PATH_TEMPLATE = "{{.Namespace}}/{{.Name}}"
CLUSTER_DOMAIN = "cluster.local"
ROUTE_LABEL_KEY = "app.kubernetes.io/managed-by"
INTERNAL_LISTENER = "ofn-http-internal"

_VARIABLE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")


class GatewayRef(Model):
    """An existing Gateway API Gateway to adopt."""

    name: str = ""
    namespace: str = ""


class GatewayDef(Model):
    """A Gateway API Gateway to make."""

    name: str | None = None
    namespace: str | None = None
    gateway_class_name: str = ""


class ListenersSpec(Model):
    """Listeners of the Gateway."""

    listeners: list[Listener] = Field(default_factory=list)


class GatewaySpec(Model):
    """Where functions are reached."""

    domain: str = ""
    cluster_domain: str | None = None
    host_template: str | None = None
    path_template: str | None = None
    http_route_label_key: str | None = None
    gateway_ref: GatewayRef | None = None
    gateway_def: GatewayDef | None = None
    gateway_spec: ListenersSpec = Field(default_factory=ListenersSpec)


class GatewayAddress(Model):
    """Where the Gateway answers."""

    type: str | None = None
    value: str = ""


class GatewayStatus(Model):
    """Whether the Gateway can be used."""

    addresses: list[GatewayAddress] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)
    listeners: list[dict[str, object]] = Field(default_factory=list)
    observed_generation: int | None = None


class Gateway(Object):
    """Listeners that functions are reached through."""

    api_version: str = "networking.openfunction.io/v1alpha1"
    kind: str = "Gateway"
    spec: GatewaySpec = Field(default_factory=GatewaySpec)
    status: GatewayStatus = Field(default_factory=GatewayStatus)


class TemplateError(ValueError):
    """A host or path template that cannot be rendered; the message says what would be right."""


def render(template: str, values: Mapping[str, str]) -> str:
    """A Go template that uses variables alone.

    Raises:
        TemplateError: it uses anything else, or leaves a brace open.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].removeprefix(".")
        if not match[1].startswith(".") or name not in values:
            known = ", ".join("{{." + key + "}}" for key in values)
            raise TemplateError(f"template {template!r} uses {match[0]}; only {known} can be used")
        return values[name]

    text = _VARIABLE.sub(value, template)
    if "{{" in text or "}}" in text:
        raise TemplateError(f"template {template!r} has an unclosed {{{{; close it with }}}}")
    return text


def render_host(gateway: Gateway, name: str, namespace: str) -> str:
    """The host name that `gateway` gives to a function.

    Raises:
        TemplateError: its hostTemplate is wrong.
    """
    values = {"Name": name, "Namespace": namespace, "Domain": gateway.spec.domain}
    return render(gateway.spec.host_template or HOST_TEMPLATE, values)


def render_path(gateway: Gateway, name: str, namespace: str) -> str:
    """The path, with its leading slash, that `gateway` gives to a function.

    Raises:
        TemplateError: its pathTemplate is wrong.
    """
    text = render(gateway.spec.path_template or PATH_TEMPLATE, {"Name": name, "Namespace": namespace})
    return "/" + text.strip("/")


def cluster_host(gateway: Gateway, name: str, namespace: str) -> str:
    """The name of a function among functions."""
    return f"{name}.{namespace}.svc.{gateway.spec.cluster_domain or CLUSTER_DOMAIN}"


def external_listener(gateway: Gateway) -> Listener | None:
    """The listener that outside callers use: the first that is not ours."""
    return next((one for one in gateway.spec.gateway_spec.listeners if one.name != INTERNAL_LISTENER), None)
