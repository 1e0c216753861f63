"""Servings of asynchronous functions that tests of makers start from."""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving

OWNER = meta.OwnerReference(
    api_version="core.openfunction.io/v1beta2", kind="Function", name="fn", uid="u", controller=True
)
NATS = {"name": "natsURL", "value": "nats://nats.default:4222"}


def serving(**spec: Any) -> Serving:
    """A Serving of the function fn in the namespace ns."""
    metadata = {"name": "fn-serving-1", "namespace": "ns"}
    return Serving.model_validate({"metadata": metadata, "spec": {"image": "fn:v1", **spec}})


def component(kind: str, *metadata: dict[str, Any]) -> dict[str, Any]:
    """A component of a type."""
    return {"type": kind, "version": "v1", "metadata": list(metadata)}


def reading(kind: str, *topics: str, metadata: tuple[dict[str, Any], ...] = (), **spec: Any) -> Serving:
    """A function started by topics of one pubsub component `in`."""
    triggers = {"dapr": [{"name": "in", "topic": topic} for topic in topics]}
    return serving(triggers=triggers, pubsub={"in": component(kind, *metadata)}, **spec)
