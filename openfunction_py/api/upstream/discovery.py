"""discovery.k8s.io/v1: EndpointSlice.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Object, Open
from openfunction_py.api.upstream.core import ObjectReference


class EndpointConditions(Open):
    """Whether an endpoint takes traffic."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Open):
    """One Pod behind a Service."""

    addresses: list[str] = Field(default_factory=list)
    conditions: EndpointConditions = Field(default_factory=EndpointConditions)
    target_ref: ObjectReference | None = None
    node_name: str = ""
    hostname: str = ""


class EndpointPort(Open):
    """A port every endpoint of a slice listens on."""

    name: str = ""
    port: int | None = None
    protocol: str = ""
    app_protocol: str = ""


class EndpointSlice(Object):
    """The Pods behind a Service."""

    api_version: str = "discovery.k8s.io/v1"
    kind: str = "EndpointSlice"
    address_type: str = ""
    endpoints: list[Endpoint] = Field(default_factory=list)
    ports: list[EndpointPort] = Field(default_factory=list)
