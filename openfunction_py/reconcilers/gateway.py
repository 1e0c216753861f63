"""Gateway (networking.openfunction.io): says where it answers and whether functions can use it.

It makes no listener; the Gateway API implementation, or the embedded gateway, does.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api import gateways, meta
from openfunction_py.api.gateways import Gateway, GatewayAddress, GatewayStatus
from openfunction_py.api.meta import Condition, Object
from openfunction_py.api.upstream.gatewayapi import HttpGateway
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status
from openfunction_py.controller.types import Request, Result, request_of
from openfunction_py.lib import clock

MANAGER = "openfunction-gateway"
LOOPBACK = "127.0.0.1"


class Reconciler:
    """Drives a Gateway's status."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._manager = manager
        self._gateways = manager.lister(Gateway)
        self._upstream = manager.lister(HttpGateway)

    async def reconcile(self, request: Request) -> Result:
        """Write addresses and readiness."""
        current = self._gateways.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return Result()
        now = clock.timestamp(self._manager.clock.now())
        decided = decide(current, self._behind(current), now=now)
        desired = current.model_copy(update={"status": decided})
        await status.write_status(self._manager.client, desired, current, manager=MANAGER)
        return Result()

    def _behind(self, gateway: Gateway) -> HttpGateway | None:
        where = behind(gateway)
        return self._upstream.get(where.namespace, where.name)


def behind(gateway: Gateway) -> Request:
    """The Gateway API object that a Gateway adopts or stands for."""
    spec, own = gateway.spec, gateway.metadata
    if spec.gateway_ref is not None:
        return Request(spec.gateway_ref.namespace or own.namespace, spec.gateway_ref.name)
    made = spec.gateway_def
    return Request((made.namespace if made else "") or own.namespace, (made.name if made else "") or own.name)


def decide(gateway: Gateway, upstream: HttpGateway | None, *, now: str) -> GatewayStatus:
    """The status of a Gateway over the Gateway API object behind it."""
    addresses = _addresses(gateway, upstream)
    conditions = meta.set_condition(gateway.status.conditions, _ready(gateway, addresses), now=now)
    fields: dict[str, object] = {
        "conditions": conditions,
        "observed_generation": gateway.metadata.generation,
    }
    if addresses:
        fields["addresses"] = addresses
    return GatewayStatus.model_validate(fields)


def _addresses(gateway: Gateway, upstream: HttpGateway | None) -> list[GatewayAddress]:
    """What the implementation reports; names below `localhost` are this machine's own (RFC 6761)."""
    reported = [GatewayAddress(value=one.value) for one in upstream.status.addresses] if upstream else []
    if reported:
        return reported
    domain = gateway.spec.domain
    if domain == "localhost" or domain.endswith(".localhost"):
        return [GatewayAddress(type="IPAddress", value=LOOPBACK)]
    return []


def _ready(gateway: Gateway, addresses: list[GatewayAddress]) -> Condition:
    generation = gateway.metadata.generation
    try:
        gateways.render_host(gateway, "name", "namespace")
        gateways.render_path(gateway, "name", "namespace")
    except gateways.TemplateError as error:
        return _condition("False", "InvalidTemplate", str(error), generation)
    if not addresses:
        sentence = "the Gateway API object behind it has no address yet"
        return _condition("Unknown", "AddressPending", sentence, generation)
    return _condition("True", "ResourcesAvailable", "functions can be reached through it", generation)


def _condition(state: str, reason: str, message: str, generation: int) -> Condition:
    return Condition(
        type="Ready", status=state, reason=reason, message=message, observed_generation=generation
    )


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    known = manager.lister(Gateway)

    def of_upstream(obj: Object) -> Iterable[Request]:
        """The Gateways that a Gateway API object stands behind."""
        return (request_of(one) for one in known.list() if behind(one) == request_of(obj))

    manager.add(
        "gateway",
        Reconciler(manager),
        watches=[
            managers.Watch(Gateway, managers.by_self),
            managers.Watch(HttpGateway, of_upstream),
        ],
    )
