"""FUNC_CONTEXT in both shapes (openfunction.md 2.4), from one Serving.

Both shapes say the same: hooks, tracing and topics stand in each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from openfunction_py.api.servings import ComponentSpec, DaprOutput, DaprTrigger, Serving, ServingSpec
from openfunction_py.resources import hooks

Document = dict[str, Any]
PORT = 8080


def function_context(serving: Serving, *, function: str) -> str:
    """FUNC_CONTEXT, the v1beta1 shape, as compact JSON."""
    spec = serving.spec
    before, after = hooks.of(serving)
    tracing = hooks.tracing(serving)
    return _json(
        {
            "name": function,
            "version": spec.version or "",
            "runtime": "Async" if _dapr(spec) and not _http(spec) else "Knative",
            "port": str(port_of(spec)),
            "inputs": dict(_inputs(spec)),
            "outputs": dict(_outputs(spec)),
            "states": _states(spec),
            "prePlugins": before,
            "postPlugins": after,
            "pluginsTracing": tracing,
        }
    )


def function_context_v1beta2(serving: Serving, *, function: str) -> str:
    """FUNC_CONTEXT_V1BETA2 as compact JSON."""
    spec = serving.spec
    before, after = hooks.of(serving)
    return _json(
        {
            "name": function,
            "version": spec.version or "",
            "triggers": _triggers(spec),
            "inputs": dict(_side_inputs(spec)),
            "outputs": {
                key: _without_empty({**value, "topic": output.topic})
                for output in _dapr_outputs(spec)
                for key, value in [(_output_key(spec, output), _output_value(spec, output))]
            },
            "states": _states(spec),
            "preHooks": before,
            "postHooks": after,
            "tracing": hooks.tracing(serving),
        }
    )


def port_of(spec: ServingSpec) -> int:
    """The port the function listens on."""
    http = spec.triggers.http if spec.triggers else None
    return (http.port if http else None) or PORT


def _http(spec: ServingSpec) -> bool:
    return spec.triggers is not None and spec.triggers.http is not None


def _dapr(spec: ServingSpec) -> list[DaprTrigger]:
    return spec.triggers.dapr if spec.triggers else []


def _dapr_outputs(spec: ServingSpec) -> list[DaprOutput]:
    return [output.dapr for output in spec.outputs if output.dapr is not None]


def _triggers(spec: ServingSpec) -> Document:
    if spec.triggers is None:
        return {}
    triggers = spec.triggers.to_wire()
    triggers.pop("inputs", None)
    for trigger in triggers.get("dapr", []):
        trigger["type"] = trigger.get("type") or component_type(spec, trigger["name"])
    return triggers


def component_type(spec: ServingSpec, name: str) -> str:
    """The type of a component that the Function declares; empty when it stands elsewhere."""
    declared: Mapping[str, ComponentSpec] = {**spec.bindings, **spec.pubsub}
    return declared[name].type if name in declared else ""


def _inputs(spec: ServingSpec) -> Iterable[tuple[str, Document]]:
    triggers = _dapr(spec)
    for trigger in triggers:
        kind = trigger.type or component_type(spec, trigger.name)
        same = sum(1 for one in triggers if one.name == trigger.name)
        key = trigger.input_name or _key(trigger.name, trigger.topic, same)
        yield key, _v1beta1(kind, trigger.name, trigger.topic, spec)


def _outputs(spec: ServingSpec) -> Iterable[tuple[str, Document]]:
    for output in _dapr_outputs(spec):
        kind = output.type or component_type(spec, output.name)
        value = _v1beta1(kind, output.name, output.topic, spec)
        metadata = {**value.get("metadata", {}), **output.metadata}
        yield (
            _output_key(spec, output),
            _without_empty({**value, "metadata": metadata, "operation": output.operation}),
        )


def _v1beta1(kind: str, name: str, topic: str | None, spec: ServingSpec) -> Document:
    is_topic = kind.startswith("pubsub") or name in spec.pubsub
    return _without_empty({"uri": topic if is_topic else name, "componentName": name, "componentType": kind})


def _output_key(spec: ServingSpec, output: DaprOutput) -> str:
    same = sum(1 for one in _dapr_outputs(spec) if one.name == output.name)
    return output.output_name or _key(output.name, output.topic or output.operation, same)


def _key(name: str, part: str | None, same: int) -> str:
    """The component's name; with its topic where two would share one key."""
    return f"{name}-{part}" if same > 1 and part else name


def _output_value(spec: ServingSpec, output: DaprOutput) -> Document:
    return {
        "componentName": output.name,
        "componentType": output.type or component_type(spec, output.name),
        "metadata": output.metadata,
        "operation": output.operation,
    }


def _side_inputs(spec: ServingSpec) -> Iterable[tuple[str, Document]]:
    inputs = [one.dapr for one in spec.triggers.inputs if one.dapr] if spec.triggers else []
    for one in inputs:
        same = sum(1 for other in inputs if other.name == one.name)
        kind = one.type or component_type(spec, one.name)
        value = {"componentName": one.name, "componentType": kind, "topic": one.topic}
        yield _key(one.name, one.topic, same), _without_empty(value)


def _states(spec: ServingSpec) -> Document:
    return {
        name: _without_empty(
            {"componentName": name, "componentType": state.spec.type if state and state.spec else ""}
        )
        for name, state in spec.states.items()
    }


def _without_empty(value: Document) -> Document:
    return {key: inner for key, inner in value.items() if inner not in (None, "", {}, [])}


def _json(value: Document) -> str:
    kept = _without_empty(value)
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
