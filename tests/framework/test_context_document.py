"""FUNC_CONTEXT: both shapes give one value, and what is malformed is named by its key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions_framework.context import document
from functions_framework.context.document import Context, HookList, Input, InvalidContext, Output
from openfunction_py.api.servings import Serving
from openfunction_py.resources import contexts

SERVINGS: dict[str, dict[str, Any]] = {
    "http alone": {"triggers": {"http": {"port": 9000}}},
    "a binding": {
        "triggers": {"dapr": [{"name": "orders", "type": "bindings.kafka"}]},
        "bindings": {"orders": {"type": "bindings.kafka", "version": "v1", "metadata": []}},
    },
    "two topics of one component": {
        "triggers": {"dapr": [
            {"name": "bus", "type": "pubsub.redis", "topic": "a"},
            {"name": "bus", "type": "pubsub.redis", "topic": "b"},
        ]},
    },
    "an input by the user's name": {
        "triggers": {"dapr": [{"name": "bus", "type": "pubsub.redis", "topic": "a", "inputName": "mine"}]},
    },
    "http and dapr": {
        "triggers": {"http": {}, "dapr": [{"name": "bus", "topic": "a"}]},
        "pubsub": {"bus": {"type": "pubsub.in-memory", "version": "v1", "metadata": []}},
    },
    "outputs, states, hooks and tracing": {
        "triggers": {"http": {}},
        "outputs": [
            {"dapr": {"name": "bus", "type": "pubsub.redis", "topic": "t", "metadata": {"rawPayload": "true"}}},
            {"dapr": {"name": "files", "type": "bindings.localstorage", "operation": "create", "outputName": "out"}},
        ],
        "states": {"store": {"spec": {"type": "state.redis", "version": "v1", "metadata": []}}, "other": {}},
        "hooks": {"pre": ["one", "two"], "post": ["three"]},
        "tracing": {
            "enabled": True,
            "provider": {"name": "opentelemetry", "exporter": {"name": "otlp", "endpoint": "collector:4317"}},
            "tags": {"func": "f"},
            "baggage": {"key": "value"},
        },
    },
}  # fmt: skip


def both(spec: dict[str, Any]) -> tuple[str, str]:
    serving = Serving.model_validate(
        {"metadata": {"name": "s"}, "spec": {"image": "i", "version": "v1", **spec}}
    )
    return (
        contexts.function_context(serving, function="f"),
        contexts.function_context_v1beta2(serving, function="f"),
    )


@pytest.mark.parametrize("name", SERVINGS)
def test_both_shapes_of_one_serving_give_one_value(name: str) -> None:
    older, newer = both(SERVINGS[name])
    assert document.parse(older) == document.parse(newer)
    assert document.from_environ({"FUNC_CONTEXT": older, "FUNC_CONTEXT_V1BETA2": newer}) == document.parse(
        newer
    )


@pytest.mark.parametrize("name", SERVINGS)
@pytest.mark.parametrize("variable", ["FUNC_CONTEXT", "FUNC_CONTEXT_V1BETA2"])
def test_a_shape_is_known_by_its_content(name: str, variable: str) -> None:
    for text in both(SERVINGS[name]):
        assert document.from_environ({variable: text}) == document.parse(text)


def test_what_a_context_holds() -> None:
    read = document.parse(both(SERVINGS["outputs, states, hooks and tracing"])[0])
    assert (read.name, read.version, read.port, read.http) == ("f", "v1", 8080, True)
    assert read.outputs == {
        "bus": Output("bus", "bus", "pubsub.redis", "t", {"rawPayload": "true"}),
        "out": Output("out", "files", "bindings.localstorage", operation="create"),
    }
    assert read.hooks == HookList(("one", "two", "opentelemetry"), ("opentelemetry", "three"))
    assert read.tracing is not None
    assert read.tracing.provider.exporter.endpoint == "collector:4317"


def test_two_topics_of_one_component_are_two_inputs() -> None:
    read = document.parse(both(SERVINGS["two topics of one component"])[1])
    assert [(one.name, one.component, one.topic) for one in read.inputs.values()] == [
        ("bus-a", "bus", "a"), ("bus-b", "bus", "b"),
    ]  # fmt: skip
    assert not read.http


def test_http_and_dapr_are_served_both() -> None:
    for text in both(SERVINGS["http and dapr"]):
        read = document.parse(text)
        assert read.http
        assert read.inputs == {"bus": Input("bus", "f-pubsub-bus", "pubsub.in-memory", "a")}


def test_the_published_controllers_gaps_are_filled_from_the_other_shape() -> None:
    # It leaves the topic of outputs out of the newer shape, and hooks out of the older one.
    output = {"componentName": "bus-1", "componentType": "pubsub.redis"}
    older = {"name": "f", "runtime": "Knative", "outputs": {"mine": {**output, "uri": "t"}}}
    newer = {"name": "f", "triggers": {"http": {}}, "preHooks": ["h"], "outputs": {"bus": output}}
    read = document.from_environ({
        "FUNC_CONTEXT": json.dumps(older), "FUNC_CONTEXT_V1BETA2": json.dumps(newer),
    })  # fmt: skip
    assert read is not None
    assert {name: one.topic for name, one in read.outputs.items()} == {"mine": "t", "bus": "t"}
    assert read.hooks == HookList(("h",))


def test_an_input_that_both_shapes_name_differently_is_one_trigger() -> None:
    older = {
        "runtime": "Async",
        "inputs": {"mine": {"uri": "t", "componentName": "bus", "componentType": "pubsub.x"}},
    }
    newer = {"triggers": {"dapr": [{"name": "bus", "type": "pubsub.x", "topic": "t"}]}}
    read = document.from_environ({
        "FUNC_CONTEXT": json.dumps(older), "FUNC_CONTEXT_V1BETA2": json.dumps(newer),
    })  # fmt: skip
    assert read is not None
    assert read.inputs == {"mine": Input("mine", "bus", "pubsub.x", "t")}


def test_the_published_python_frameworks_own_shape_is_read() -> None:
    text = json.dumps({
        "name": "f", "port": "50055", "pre_hooks": ["a"], "post_hooks": ["b"],
        "triggers": {"dapr": [{"name": "cron", "type": "bindings.cron"}]},
    })  # fmt: skip
    read = document.parse(text)
    assert read == replace(
        Context(), name="f", port=50055, http=False, hooks=HookList(("a",), ("b",)),
        inputs={"cron": Input("cron", "cron", "bindings.cron")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("runtime", "http"),
    [("async", False), ("Async", False), ("Knative", True), ("KNATIVE", True), ("", True)],
)
def test_a_runtime_is_known_however_it_is_capitalised(runtime: str, http: bool) -> None:
    assert document.parse(json.dumps({"runtime": runtime})).http is http


def test_no_variable_no_context() -> None:
    assert document.from_environ({}) is None
    assert document.from_environ({"FUNC_CONTEXT": ""}) is None


@pytest.mark.parametrize(("text", "key"), [
    ("{", "FUNC_CONTEXT"),
    ("[]", "FUNC_CONTEXT"),
    ('{"name": 5}', "FUNC_CONTEXT.name"),
    ('{"name": true, "triggers": {}}', "FUNC_CONTEXT.name"),
    ('{"runtime": "Foo"}', "FUNC_CONTEXT.runtime"),
    ('{"runtime": 1}', "FUNC_CONTEXT.runtime"),
    ('{"port": "http"}', "FUNC_CONTEXT.port"),
    ('{"port": 70000}', "FUNC_CONTEXT.port"),
    ('{"inputs": []}', "FUNC_CONTEXT.inputs"),
    ('{"inputs": {"a": 1}}', "FUNC_CONTEXT.inputs.a"),
    ('{"inputs": {"a": {"uri": "t"}}}', "FUNC_CONTEXT.inputs.a.componentName"),
    ('{"outputs": {"a": {"componentName": "c", "metadata": {"k": []}}}}', "FUNC_CONTEXT.outputs.a.metadata.k"),
    ('{"outputs": {"a": {"componentName": ["c"]}}}', "FUNC_CONTEXT.outputs.a.componentName"),
    ('{"prePlugins": "a"}', "FUNC_CONTEXT.prePlugins"),
    ('{"triggers": {"dapr": {}}}', "FUNC_CONTEXT.triggers.dapr"),
    ('{"triggers": {"dapr": [{"type": "bindings.cron"}]}}', "FUNC_CONTEXT.triggers.dapr[0].name"),
    ('{"tracing": {"enabled": "yes"}}', "FUNC_CONTEXT.tracing.enabled"),
    ('{"states": {"s": "redis"}}', "FUNC_CONTEXT.states.s"),
])  # fmt: skip
def test_what_is_malformed_is_named(text: str, key: str) -> None:
    with pytest.raises(InvalidContext) as caught:
        document.parse(text)
    assert caught.value.key == key
    assert key in caught.value.line
    assert caught.value.code == 92
