"""Every object that the makers of events and asynchronous functions write, for the servers to take.

Kinds of ours stand as admission stores them: the real server has no webhook of ours here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openfunction_py.api import admission, scheme
from openfunction_py.api.meta import Object
from openfunction_py.resources import (
    async_workloads,
    dapr_components,
    dispatchers,
    event_buses,
    event_sources,
    scaled_objects,
)
from openfunction_py.resources.event_sources import Around
from tests.resources import servings, test_events

Document = dict[str, Any]
BROKERS = {"name": "brokers", "value": "k:9092"}
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
KAFKA: Document = {"type": "kafka", "metadata": {}}
BEHAVIOR = {
    "scaleDown": {
        "stabilizationWindowSeconds": 45,
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 15}],
    }
}


def everything() -> list[tuple[scheme.Resource, Document]]:
    """Resource and document of each object."""
    return [_admitted(one) for one in (*_of_events(), *_of_functions())]


def _admitted(one: Object) -> tuple[scheme.Resource, Document]:
    resource = scheme.of(type(one))
    document = one.to_wire()
    document["metadata"].pop("uid", None)  # the server's to give
    if resource.schema is not None:
        document = admission.admit(resource, operation="CREATE", new=document, old=None).object
    return resource, document


def _of_events() -> Iterator[Object]:
    bus, trigger = test_events.bus(), test_events.trigger(subscribers=[{"topic": "x", "condition": "a"}])
    source = test_events.source(
        kafka={"a": {"brokers": "k:1", "scaleOption": {"lagThreshold": 5, "authRef": {"name": "x"}}}},
        cron={"t": {"schedule": "@daily"}},
        webhook={"w": {"signature": {"header": "X", "secret": test_events.SECRET}}},
    )
    yield from (bus, trigger, source)
    yield from event_buses.server(bus, owner=test_events.OWNER, domain="cluster.local")
    made = dispatchers.make(bus, [trigger], owner=test_events.OWNER)
    yield from (*made.config_maps, made.deployment)
    for program in event_sources.make(source, Around(bus, test_events.values), owner=test_events.OWNER):
        parts = (program.secret, program.deployment, program.scaled_object, program.service)
        yield from (*program.config_maps, *(one for one in parts if one is not None))


def _of_functions() -> Iterator[Object]:
    metadata = (
        BROKERS,
        {"name": "retain", "value": False},
        {"name": "saslPassword", "secretKeyRef": {"name": "kafka", "key": "p"}},
    )
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": BEHAVIOR}}
    scaled = {"pollingInterval": 0, "advanced": advanced, "fallback": {"failureThreshold": 3, "replicas": 2}}
    options = {"maxReplicas": 5, "keda": {"triggers": [KAFKA, CPU], "scaledObject": scaled}}
    stores = {"kv": {"spec": servings.component("state.redis")}}
    yield from _made("fn", metadata=metadata, scaleOptions=options, states=stores)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = [{"metadata": {"name": "data"}, "spec": claim}]
    yield from _made("sets", workloadType="StatefulSet", volumeClaimTemplates=claims)
    yield from _made("once", workloadType="Job")
    strategy = {
        "strategy": "custom",
        "customScalingQueueLengthDeduction": 1,
        "customScalingRunningJobPercentage": "50%",
    }
    jobs = {"triggers": [KAFKA], "scaledJob": {"pollingInterval": 5, "scalingStrategy": strategy}}
    yield from _made("jobs", metadata=(BROKERS,), workloadType="Job", scaleOptions={"keda": jobs})


def _made(function: str, *, metadata: tuple[Document, ...] = (), **spec: Any) -> Iterator[Object]:
    one = servings.reading("pubsub.kafka", "t", metadata=metadata, **spec)
    given: Document = {"function": function, "owner": servings.OWNER}
    yield from dapr_components.make(one, **given)
    yield from scaled_objects.authentications(one, **given)
    makers = (scaled_objects.make, async_workloads.make, async_workloads.make_service)
    made: list[Object | None] = [make(one, **given) for make in makers]
    yield from (found for found in made if found is not None)
