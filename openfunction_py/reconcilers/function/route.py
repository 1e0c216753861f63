"""Route stage of a Function: its addresses, from its Gateway.

Pure. Addresses stand as long as some version serves.
"""

from __future__ import annotations

from dataclasses import dataclass

from openfunction_py.api import gateways
from openfunction_py.api.functions import Function, FunctionAddress, StageStatus
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.meta import Condition
from openfunction_py.api.servings import GatewayRef
from openfunction_py.resources import addresses

DEFAULT = GatewayRef(name="openfunction", namespace="openfunction")
READY = "RouteReady"


@dataclass(frozen=True, slots=True)
class Plan:
    """Names, paths and URLs, and whether they hold; nothing when there is no HTTP trigger."""

    condition: Condition | None = None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    urls: tuple[FunctionAddress, ...] = ()


def gateway_of(function: Function) -> GatewayRef | None:
    """The Gateway a Function is reached through, when it is reached by HTTP at all."""
    triggers = function.spec.serving.triggers if function.spec.serving else None
    if function.spec.serving is None or (triggers is not None and triggers.http is None and triggers.dapr):
        return None
    route = triggers.http.route if triggers and triggers.http else None
    return (route.gateway_ref if route else None) or DEFAULT


def plan(function: Function, gateway: Gateway | None, serving: StageStatus | None) -> Plan:
    """The route stage, given the Gateway that the Function names."""
    wanted = gateway_of(function)
    if wanted is None:
        return Plan()
    if serving is None or not serving.last_successful_resource_ref:
        return Plan(_condition(function, "Unknown", "WaitingForServing", "no version serves yet"))
    if gateway is None:
        sentence = (
            f"there is no Gateway {wanted.namespace}/{wanted.name}; make it,"
            " or name another in spec.serving.triggers.http.route.gatewayRef"
        )
        return Plan(_condition(function, "False", "GatewayNotFound", sentence))
    try:
        rendered = addresses.render(function, gateway)
    except gateways.TemplateError as error:
        return Plan(_condition(function, "False", "InvalidTemplate", str(error)))
    return Plan(
        _condition(function, "True", "Programmed", f"reached through {wanted.namespace}/{wanted.name}"),
        rendered.hosts,
        rendered.paths,
        rendered.urls,
    )


def _condition(function: Function, status: str, reason: str, message: str) -> Condition:
    return Condition(
        type=READY,
        status=status,
        reason=reason,
        message=message,
        observed_generation=function.metadata.generation,
    )
