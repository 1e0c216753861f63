"""What a sidecar says of itself: its app, components and subscriptions, as Dapr's metadata API spells them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from openfunction_eventing.sidecar.sidecar import Sidecar
from openfunction_eventing.sidecar.subscriptions import Subscription


def document(sidecar: Sidecar) -> dict[str, Any]:
    """The answer of GET /v1.0/metadata."""
    settings = sidecar.settings
    ours = version("openfunction-eventing")
    made: dict[str, Any] = {
        "id": settings.app_id,
        "runtimeVersion": f"openfunction-{ours}",
        "components": [
            {
                "name": one.name,
                "type": one.type,
                "version": one.version,
                "capabilities": sidecar.catalog.capabilities(one.name),
            }
            for one in sidecar.catalog.components.values()
        ],
        "extended": {**sidecar.extended, "daprRuntimeVersion": f"openfunction-{ours}"},
        "subscriptions": [_subscription(one) for one in sidecar.consumers.subscriptions],
        "actorRuntime": {"runtimeStatus": "DISABLED", "hostReady": False},
    }
    if settings.app_port:
        made["appConnectionProperties"] = {
            "port": settings.app_port, "protocol": settings.app_protocol, "channelAddress": settings.app_host,
        }  # fmt: skip
    return made


def _subscription(one: Subscription) -> dict[str, Any]:
    whole = {
        "pubsubname": one.pubsub,
        "topic": one.topic,
        "rules": [{"match": rule.match, "path": rule.path} for rule in one.rules],
        "metadata": dict(one.metadata),
        "deadLetterTopic": one.dead_letter,
        "type": one.kind,
    }
    return {name: value for name, value in whole.items() if value or name == "deadLetterTopic"}
