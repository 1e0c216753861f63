"""EventBus, EventSource and Trigger: what they make, and statuses that say what is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.eventsources import EventSource
from openfunction_py.api.triggers import Trigger
from openfunction_py.api.upstream import apps, core, discovery
from openfunction_py.reconcilers import eventbus, eventsource, trigger
from openfunction_py.reconcilers.eventbus import greeting
from tests.eventing import brokers
from tests.reconcilers import play
from tests.reconcilers.world import World

HTTP: dict[str, dict[str, str]] = {"orders": {}}


def world() -> World:
    """The reconcilers of events, and a function `hello` that can be a sink."""
    made = World()
    for module in (eventbus, eventsource, trigger):
        module.install(made.manager)
    made.put(play.hello())
    return made


def about(name: str) -> dict[str, str]:
    """Metadata."""
    return {"name": name, "namespace": "default"}


def bus(name: str = "main", **spec: Any) -> EventBus:
    """A bus; one of our own unless told otherwise."""
    return EventBus.model_validate({"metadata": about(name), "spec": spec})


def source(name: str = "shop", **spec: Any) -> EventSource:
    """A source of posted events on the bus `main`."""
    return EventSource.model_validate(
        {"metadata": about(name), "spec": {"eventBus": "main", "http": HTTP, **spec}}
    )


def reacts(name: str = "t", **spec: Any) -> Trigger:
    """A Trigger that gives the events of `shop` to the function `hello`."""
    sink = {
        "ref": {
            "apiVersion": "core.openfunction.io/v1beta2",
            "kind": "Function",
            "namespace": "default",
            "name": "hello",
        }
    }
    whole = {
        "eventBus": "main",
        "inputs": {"order": {"eventSource": "shop", "event": "orders"}},
        "subscribers": [{"condition": "order", "sink": sink}],
        **spec,
    }
    return Trigger.model_validate({"metadata": about(name), "spec": whole})


def ready(there: World, model: type[Any], name: str, namespace: str = "default") -> meta.Condition:
    """The one condition of an object."""
    seen = there.lister(model).get(namespace, name)
    assert seen is not None
    (found,) = seen.status.conditions
    return meta.Condition.model_validate(found.to_wire())


async def answers(
    there: World, name: str = "main", model: type[Any] = EventBus, namespace: str = "default"
) -> None:
    """A bus that is well."""
    made = {
        "type": "Ready",
        "status": "True",
        "reason": "BrokerIsReady",
        "message": "",
        "lastTransitionTime": "x",
    }
    there.set_status(model, name, {"conditions": [made]}, namespace)
    there.queues["eventbus"].clear()
    there.queues["clustereventbus"].clear()
    await there.settle()


async def run(there: World, name: str) -> None:
    """A Deployment that is available."""
    there.set_status(apps.Deployment, name, {"replicas": 1, "availableReplicas": 1})
    there.queues["eventbus"].clear()
    await there.settle()


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    """A broker that knows a token."""
    with brokers.running(brokers.Nats(tmp_path, extra='authorization { token: "secret" }')) as started:
        yield started


async def test_a_bus_without_an_address_gets_a_broker_of_its_own() -> None:
    there = world()
    there.put(bus())
    await there.settle()
    (found,) = there.lister(apps.StatefulSet).list()
    assert found.metadata.owner_references[0].kind == "EventBus"
    assert ready(there, EventBus, "main").reason == "BrokerStarting"
    assert ready(there, EventBus, "main").status == "Unknown"


async def test_our_own_broker_is_asked_through_its_service(tmp_path: Path) -> None:
    with brokers.running(brokers.Nats(tmp_path)) as started:
        there = world()
        there.put(bus())
        await there.settle()
        name = there.lister(core.Service).list()[0].metadata.name
        part = {
            "metadata": {**about(f"{name}-x"), "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"name": "client", "port": started.port}],
        }
        there.store(discovery.EndpointSlice.model_validate(part).to_wire())
        there.set_status(apps.StatefulSet, name, {"readyReplicas": 1})
        await there.settle()
        assert ready(there, EventBus, "main").reason == "BrokerIsReady"


async def test_a_broker_that_is_away_or_refuses_us_is_told_apart(broker: brokers.Nats) -> None:
    there = world()
    there.put(bus(jetStream={"url": f"nats://127.0.0.1:{brokers.free_port()}"}))
    there.put(bus("refused", jetStream={"url": broker.url}))
    there.put(bus("taken", jetStream={"url": broker.url.replace("//", "//secret@")}))
    there.put(bus("nosecret", jetStream={"url": broker.url, "tokenSecret": {"name": "none", "key": "k"}}))
    await there.settle()
    reasons = {one: ready(there, EventBus, one).reason for one in ("main", "refused", "taken", "nosecret")}
    assert reasons == {
        "main": "BrokerUnreachable",
        "refused": "CredentialsRefused",
        "taken": "BrokerIsReady",
        "nosecret": "SecretMissing",
    }
    assert "Authorization Violation" in ready(there, EventBus, "refused").message


async def test_a_broker_whose_service_is_missing_is_told_by_its_name() -> None:
    there = world()
    there.put(bus(natsStreaming={"natsURL": "nats://nats.default.svc:4222"}))
    there.put(bus("short", natsStreaming={"natsURL": "nats://nats.nowhere-at-all:4222"}))
    await there.settle()
    assert ready(there, EventBus, "main").message == "there is no Service nats in default; create it"
    message = ready(there, EventBus, "short").message
    assert message.startswith("nobody answers at nats.nowhere-at-all:4222: ")
    assert message.endswith(", and there is no Service nats in nowhere-at-all")


@pytest.mark.slow
async def test_a_kafka_that_is_away_refuses_us_or_takes_us_is_told_apart(tmp_path: Path) -> None:
    started = brokers.Kafka(tmp_path)
    login = {"authRequired": True, "saslUsername": "me", "disableTls": True}
    guarded = {"brokers": started.guarded_url, **login}
    with brokers.running(started):
        there = world()
        there.put(bus("open", kafka={"brokers": started.url}))
        there.put(bus("away", kafka={"brokers": f"127.0.0.1:{brokers.free_port()}"}))
        there.put(bus("nobody", kafka={**guarded, "saslPasswordSecret": {"name": "absent", "key": "k"}}))
        there.put(bus("refused", kafka={**guarded, "saslPassword": "wrong"}))
        there.put(bus("taken", kafka={**guarded, "saslPassword": "right"}))
        there.put(bus("encrypted", kafka={**guarded, "saslPassword": "right", "disableTls": False}))
        await there.settle()
        told = {name: ready(there, EventBus, name) for name in KAFKAS}
    assert {name: one.reason for name, one in told.items()} == KAFKAS
    assert "refuses us" in told["refused"].message
    assert "correct the credentials" in told["refused"].message


KAFKAS = {
    "open": "BrokerIsReady",
    "away": "BrokerUnreachable",
    "nobody": "SecretMissing",
    "refused": "CredentialsRefused",
    "taken": "BrokerIsReady",
    "encrypted": "BrokerUnreachable",
}


async def test_what_is_no_kafka_broker_is_no_kafka_broker(broker: brokers.Nats) -> None:
    door = greeting.Door("127.0.0.1", broker.port, "x")
    with pytest.raises(greeting.UnreachableError):
        await greeting.kafka(door)


def test_a_bus_that_does_not_answer_is_asked_less_and_less_often() -> None:
    there = world()
    now = there.clock.now()
    one = bus()
    waits = []
    for _ in range(4):
        made = {"type": "Ready", "status": "False", "lastTransitionTime": "2024-01-01T00:00:00Z"}
        seen = one.model_copy(
            update={"status": EventBus.model_validate({"status": {"conditions": [made]}}).status}
        )
        waits.append(eventbus.reconciler.pause(seen, now=now))
        now = now.replace(second=10) if len(waits) == 1 else now.replace(minute=len(waits))
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


async def test_a_source_makes_its_program_and_is_ready_once_bus_and_program_are() -> None:
    there = world()
    there.put(source())
    await there.settle()
    assert ready(there, EventSource, "shop").reason == "ErrorToFindExistEventBus"
    there.put(bus(jetStream={"url": "nats://127.0.0.1:1"}))
    await there.settle()
    assert ready(there, EventSource, "shop").reason == "EventBusNotReady"
    await answers(there)
    assert ready(there, EventSource, "shop").reason == "PendingCreation"
    await run(there, "shop-http-source")
    assert (ready(there, EventSource, "shop").status, ready(there, EventSource, "shop").reason) == (
        "True",
        "EventSourceIsReady",
    )


async def test_an_event_that_is_taken_out_leaves_nothing_behind() -> None:
    there = world()
    there.put(
        source(cron={"tick": {"schedule": "@every 2s"}}, sink={"uri": "http://x.example/"}, eventBus=None)
    )
    await there.settle()
    assert {one.metadata.name for one in there.lister(apps.Deployment).list()} == {
        "shop-http-source",
        "shop-cron-source",
    }
    there.put(source(sink={"uri": "http://x.example/"}, eventBus=None))
    await there.settle()
    assert {one.metadata.name for one in there.lister(apps.Deployment).list()} == {"shop-http-source"}
    assert all("http" in one.metadata.name for one in there.lister(core.ConfigMap).list())


async def test_a_webhook_waits_for_its_secret_and_gets_its_document_in_a_secret() -> None:
    there = world()
    signature = {"header": "X-Sign", "secret": {"name": "key", "key": "k"}}
    there.put(
        source(eventBus=None, sink={"uri": "http://x.example/"}, webhook={"w": {"signature": signature}})
    )
    await there.settle()
    assert ready(there, EventSource, "shop").reason == "SecretMissing"
    there.put(core.Secret.model_validate({"metadata": about("key"), "data": {"k": "c2VjcmV0"}}))
    there.wake("eventsource", "default", "shop")
    await there.settle()
    assert ready(there, EventSource, "shop").reason == "PendingCreation"


async def test_a_sink_that_nobody_has_the_name_of_is_named() -> None:
    there = world()
    ref = {
        "apiVersion": "core.openfunction.io/v1beta2",
        "kind": "Function",
        "namespace": "default",
        "name": "nobody",
    }
    there.put(source(eventBus=None, sink={"ref": ref}))
    await there.settle()
    assert ready(there, EventSource, "shop").reason == "SinkNotFound"
    assert "nobody in default" in ready(there, EventSource, "shop").message


def documents(there: World) -> dict[str, Any]:
    """Files of the dispatchers."""
    maps = [
        one
        for one in there.lister(core.ConfigMap).list()
        if "openfunction.io/dispatcher" in one.metadata.labels
    ]
    return {name: json.loads(text) for one in maps for name, text in one.data.items()}


async def test_the_triggers_of_a_bus_share_one_dispatcher_that_goes_with_the_last() -> None:
    there = world()
    there.put(bus(jetStream={"url": "nats://127.0.0.1:1"}))
    there.put(reacts("one"))
    there.put(reacts("two"))
    await there.settle()
    assert [one.metadata.name for one in there.lister(apps.Deployment).list()] == ["main-bus-dispatcher"]
    found = documents(there)
    assert set(found) == {"settings.json", "default.one.json", "default.two.json"}
    assert found["default.one.json"]["inputs"] == [{"name": "order", "topic": "default-shop-orders"}]
    there.remove(Trigger, "default", "one")
    await there.settle()
    assert set(documents(there)) == {"settings.json", "default.two.json"}
    there.remove(Trigger, "default", "two")
    await there.settle()
    assert there.lister(apps.Deployment).list() == []
    assert documents(there) == {}


async def test_a_trigger_is_ready_when_its_bus_answers_and_its_dispatcher_runs() -> None:
    there = world()
    there.put(reacts())
    await there.settle()
    assert ready(there, Trigger, "t").reason == "ErrorToFindExistEventBus"
    there.put(bus(jetStream={"url": "nats://127.0.0.1:1"}))
    await there.settle()
    assert ready(there, Trigger, "t").reason == "EventBusNotReady"
    await answers(there)
    assert ready(there, Trigger, "t").reason == "PendingCreation"
    await run(there, "main-bus-dispatcher")
    found = ready(there, Trigger, "t")
    assert (found.status, found.reason) == ("True", "TriggerIsReady")
    # something else may write to the topic, so this alone is no failure
    assert found.message.endswith("no EventSource shop in default has the event orders of input order")
    there.put(source())
    await there.settle()
    assert "no EventSource" not in ready(there, Trigger, "t").message


async def test_a_namespaces_bus_comes_before_the_clusters_of_the_same_name() -> None:
    there = world()
    wide = {
        "metadata": {"name": "main", "namespace": ""},
        "spec": {"jetStream": {"url": "nats://127.0.0.1:1"}},
    }
    there.put(ClusterEventBus.model_validate(wide))
    there.put(reacts())
    await there.settle()
    assert [one.metadata.namespace for one in there.lister(apps.Deployment).list()] == ["openfunction"]
    there.put(bus(jetStream={"url": "nats://127.0.0.1:1"}))
    await there.settle()
    assert [one.metadata.namespace for one in there.lister(apps.Deployment).list()] == ["default"]


async def test_statuses_hold_one_condition_however_often_they_are_written() -> None:
    there = world()
    there.put(reacts())
    await there.settle()
    for _ in range(3):
        there.wake("trigger", "default", "t")
        await there.settle()
    before = there.writes.count("apply/status Trigger t")
    assert before == 1
    found = there.lister(Trigger).get("default", "t")
    assert found is not None
    assert found.status.conditions[0].timestamp
