"""Components of a Function: names that stay, scopes, and what became of NATS Streaming."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openfunction_eventing.drivers.jetstream import streams
from openfunction_py.api.upstream.dapr import Component
from openfunction_py.resources import contexts, dapr_components, jetstream
from tests.resources.servings import NATS, OWNER, component, reading, serving


def made(one: Any) -> dict[str, Component]:
    """Name → Component of a Serving."""
    found = dapr_components.make(one, function="fn", owner=OWNER)
    return {each.metadata.name: each for each in found}


def metadata(one: Component) -> dict[str, Any]:
    """Settings of a component by name."""
    return {item.name: item.value for item in one.spec.metadata}


def test_each_declared_component_is_made_for_the_functions_own_sidecar() -> None:
    found = made(
        serving(
            bindings={"cron": component("bindings.cron", {"name": "schedule", "value": "@every 2s"})},
            pubsub={"msg": component("pubsub.kafka", {"name": "brokers", "value": "k:9092"})},
            states={"kv": {"spec": component("state.redis")}, "elsewhere": None},
        )
    )
    assert sorted(found) == ["fn-bindings-cron", "fn-pubsub-msg", "fn-state-kv"]
    for one in found.values():
        assert one.scopes == ["fn-ns"]
        assert [owner.uid for owner in one.metadata.owner_references] == ["u"]
        assert one.metadata.labels["openfunction.io/function"] == "fn"
        assert one.metadata.namespace == "ns"
    assert metadata(found["fn-bindings-cron"]) == {"schedule": "@every 2s"}


def test_names_do_not_depend_on_the_version() -> None:
    one = reading("pubsub.kafka", "t")
    other = one.model_copy(update={"metadata": one.metadata.model_copy(update={"name": "fn-serving-2"})})
    assert sorted(made(one)) == sorted(made(other))


@pytest.mark.parametrize("key", ["My_Key", "my.key", "a" * 80, "_"])
def test_a_key_that_is_no_object_name_becomes_one_of_its_own(key: str) -> None:
    name = dapr_components.name_of("fn", "bindings", key)
    assert name.startswith("fn")
    assert len(name) <= 63
    assert name.replace("-", "").isalnum()
    assert name == name.lower()
    assert name != dapr_components.name_of("fn", "bindings", key.lower() + "x")


def test_any_scalar_and_any_secret_stay_as_they_are() -> None:
    items = ({"name": "qos", "value": 1}, {"name": "retain", "value": False}, {"name": "id", "value": "{uuid}"},
             {"name": "password", "secretKeyRef": {"name": "s", "key": "k"}})  # fmt: skip
    spec = {**component("bindings.mqtt", *items), "ignoreErrors": True, "initTimeout": "10s"}
    wire = made(serving(bindings={"m": spec}))["fn-bindings-m"].to_wire()["spec"]
    assert wire["metadata"] == list(items)
    assert (wire["type"], wire["ignoreErrors"], wire["initTimeout"]) == ("bindings.mqtt3", True, "10s")


def test_nats_streaming_becomes_jetstream() -> None:
    items = (
        NATS,
        {"name": "natsStreamingClusterID", "value": "stan"},
        {"name": "subscriptionType", "value": "queue"},
        {"name": "durableSubscriptionName", "value": "mine"},
        {"name": "ackWaitTime", "value": "10s"},
        {"name": "maxInFlight", "value": 1},
        {"name": "deliverNew", "value": "true"},
        {"name": "consumerID", "value": "c"},
    )
    found = made(reading("pubsub.natsstreaming", "t", metadata=items))["fn-pubsub-in"]
    assert found.spec.type == "pubsub.jetstream"
    assert metadata(found) == {
        "natsURL": "nats://nats.default:4222",
        "durableName": "mine",
        "ackWait": "10s",
        "maxAckPending": 1,
        "consumerID": "c",
        "deliverPolicy": "new",
        "queueGroupName": "fn-ns",
    }


@pytest.mark.parametrize(
    ("items", "policy"),
    [
        ([{"name": "deliverAll", "value": True}], "all"),
        ([{"name": "startWithLastReceived", "value": "true"}], "last"),
        ([{"name": "startAtSequence", "value": 7}], "sequence"),
        ([{"name": "deliverNew", "value": False}], None),
        ([{"name": "startAtTimeDelta", "value": "1h"}], None),
    ],
)
def test_where_a_stream_is_read_from(items: list[dict[str, Any]], policy: str | None) -> None:
    found = {one["name"]: one["value"] for one in jetstream.from_streaming(items)}
    assert found.get("deliverPolicy") == policy


def test_a_reader_of_one_topic_has_a_durable_name_and_one_of_several_has_the_drivers() -> None:
    assert metadata(made(reading("pubsub.jetstream", "t"))["fn-pubsub-in"])["durableName"] == "fn-ns__t"
    assert "durableName" not in metadata(made(reading("pubsub.jetstream", "a", "b"))["fn-pubsub-in"])


@pytest.mark.parametrize("text", ["orders", "a.b.c", "a b", "x" * 300, "fn-ns__a.*"])
def test_names_in_jetstream_are_the_drivers(text: str) -> None:
    assert jetstream.safe_name(text) == streams.safe_name(text)


def test_what_is_named_and_nowhere_is_told() -> None:
    one = serving(
        triggers={"dapr": [{"name": "a", "topic": "t"}], "inputs": [{"dapr": {"name": "b"}}]},
        outputs=[{"dapr": {"name": "c", "type": "bindings.http"}}],
        states={"kv": None},
    )
    told = dapr_components.missing(one.spec, {"b": "bindings.x"})
    assert [sentence.split(",", maxsplit=1)[0] for sentence in told] == [
        "a trigger names the component a",
        "an output names the component c",
        "the state kv has no spec",
    ]
    assert dapr_components.missing(one.spec, {"a": "x", "b": "x", "c": "x", "kv": "x"}) == []


def both(one: Any, **known: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two contexts of a Serving."""
    return (
        json.loads(contexts.function_context(one, function="fn", known=known)),
        json.loads(contexts.function_context_v1beta2(one, function="fn", known=known)),
    )


def test_contexts_name_components_as_the_sidecar_does() -> None:
    one = serving(
        version="v1",
        triggers={
            "dapr": [{"name": "in", "topic": "a"}, {"name": "in", "topic": "b"}, {"name": "cron"}],
            "inputs": [{"dapr": {"name": "db"}}],
        },
        pubsub={"in": component("pubsub.natsstreaming", NATS)},
        bindings={"cron": component("bindings.cron")},
        outputs=[{"dapr": {"name": "in", "topic": "c", "metadata": {"rawPayload": "true"}}}],
        states={"kv": {"spec": component("state.redis")}, "old": None},
    )
    first, second = both(one, db="bindings.postgresql", old="state.sqlite")
    topic = {"componentName": "fn-pubsub-in", "componentType": "pubsub.jetstream"}
    assert first["runtime"] == "Async"
    assert first["inputs"] == {
        "in-a": {"uri": "a", **topic},
        "in-b": {"uri": "b", **topic},
        "cron": {
            "uri": "fn-bindings-cron",
            "componentName": "fn-bindings-cron",
            "componentType": "bindings.cron",
        },
    }
    assert first["outputs"] == {"in": {"uri": "c", **topic, "metadata": {"rawPayload": "true"}}}
    assert (
        first["states"]
        == second["states"]
        == {
            "kv": {"componentName": "fn-state-kv", "componentType": "state.redis"},
            "old": {"componentName": "old", "componentType": "state.sqlite"},
        }
    )
    assert second["triggers"]["dapr"] == [
        {"name": "fn-pubsub-in", "topic": "a", "type": "pubsub.jetstream", "inputName": "in-a"},
        {"name": "fn-pubsub-in", "topic": "b", "type": "pubsub.jetstream", "inputName": "in-b"},
        {"name": "fn-bindings-cron", "type": "bindings.cron", "inputName": "cron"},
    ]
    assert second["inputs"] == {"db": {"componentName": "db", "componentType": "bindings.postgresql"}}
    assert second["outputs"] == {"in": {**topic, "topic": "c", "metadata": {"rawPayload": "true"}}}


def test_a_topic_of_a_component_that_nobody_knows_is_a_topic_all_the_same() -> None:
    first, _ = both(serving(triggers={"dapr": [{"name": "x", "topic": "t"}]}))
    assert first["inputs"] == {"x": {"uri": "t", "componentName": "x"}}
