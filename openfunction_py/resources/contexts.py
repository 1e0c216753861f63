"""FUNC_CONTEXT in both shapes (openfunction.md 2.4), from one Serving.

Both shapes say the same: hooks, tracing and topics stand in each. Components stand under the names that the
sidecar knows; the keys are those that the function's code uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from openfunction_py.api.servings import DaprOutput, DaprTrigger, Serving, ServingSpec
from openfunction_py.resources import dapr_components, hooks

Document = dict[str, Any]
PORT = 8080
NOTHING: Mapping[str, str] = {}


def function_context(serving: Serving, *, function: str, known: Mapping[str, str] = NOTHING) -> str:
    """FUNC_CONTEXT, the v1beta1 shape, as compact JSON; `known` are Components that exist, name → type."""
    spec = serving.spec
    before, after = hooks.of(serving)
    parts = _Parts(spec, function, known)
    return _json(
        {
            "name": function,
            "version": spec.version or "",
            "runtime": "Async" if _dapr(spec) and not _http(spec) else "Knative",
            "port": str(port_of(spec)),
            "inputs": dict(parts.triggers()),
            "outputs": dict(parts.outputs()),
            "states": parts.states(),
            "prePlugins": before,
            "postPlugins": after,
            "pluginsTracing": hooks.tracing(serving),
        }
    )


def function_context_v1beta2(serving: Serving, *, function: str, known: Mapping[str, str] = NOTHING) -> str:
    """FUNC_CONTEXT_V1BETA2 as compact JSON; `known` are Components that exist, name → type."""
    spec = serving.spec
    before, after = hooks.of(serving)
    parts = _Parts(spec, function, known)
    return _json(
        {
            "name": function,
            "version": spec.version or "",
            "triggers": parts.triggers_v1beta2(),
            "inputs": dict(parts.side_inputs()),
            "outputs": dict(parts.outputs_v1beta2()),
            "states": parts.states(),
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


class _Parts:
    """The entries of a context that name components."""

    def __init__(self, spec: ServingSpec, function: str, known: Mapping[str, str]) -> None:
        self._spec = spec
        self._function = function
        self._known = known

    def _type(self, name: str, given: str | None) -> str:
        """What runs decides; what is written counts where nothing else is known."""
        found = dapr_components.type_of(self._spec, name, self._known)
        return found or dapr_components.written_type(given or "")

    def _real(self, name: str) -> str:
        return dapr_components.real_name(self._spec, self._function, name)

    def _v1beta1(self, name: str, given: str | None, topic: str | None) -> Document:
        kind, real = self._type(name, given), self._real(name)
        is_topic = kind.startswith("pubsub") or name in self._spec.pubsub or (not kind and bool(topic))
        return _without_empty(
            {"uri": topic if is_topic else real, "componentName": real, "componentType": kind}
        )

    def _triggers(self) -> Iterable[tuple[str, DaprTrigger]]:
        triggers = _dapr(self._spec)
        for one in triggers:
            same = sum(1 for other in triggers if other.name == one.name)
            yield one.input_name or _key(one.name, one.topic, same), one

    def triggers(self) -> Iterable[tuple[str, Document]]:
        for key, one in self._triggers():
            yield key, self._v1beta1(one.name, one.type, one.topic)

    def triggers_v1beta2(self) -> Document:
        if self._spec.triggers is None:
            return {}
        written = self._spec.triggers.to_wire()
        written.pop("inputs", None)
        for (key, trigger), one in zip(self._triggers(), written.get("dapr", []), strict=True):
            one["type"] = self._type(trigger.name, trigger.type)
            one["name"] = self._real(trigger.name)
            if key != one["name"]:
                one["inputName"] = key  # else a function would know its input by a made-up name
        return written

    def _outputs(self) -> Iterable[tuple[str, DaprOutput]]:
        outputs = [one.dapr for one in self._spec.outputs if one.dapr is not None]
        for one in outputs:
            same = sum(1 for other in outputs if other.name == one.name)
            yield one.output_name or _key(one.name, one.topic or one.operation, same), one

    def outputs(self) -> Iterable[tuple[str, Document]]:
        for key, one in self._outputs():
            value = self._v1beta1(one.name, one.type, one.topic)
            yield key, _without_empty({**value, "metadata": one.metadata, "operation": one.operation})

    def outputs_v1beta2(self) -> Iterable[tuple[str, Document]]:
        for key, one in self._outputs():
            value = {
                "componentName": self._real(one.name),
                "componentType": self._type(one.name, one.type),
                "topic": one.topic,
                "metadata": one.metadata,
                "operation": one.operation,
            }
            yield key, _without_empty(value)

    def side_inputs(self) -> Iterable[tuple[str, Document]]:
        triggers = self._spec.triggers
        inputs = [one.dapr for one in triggers.inputs if one.dapr] if triggers else []
        for one in inputs:
            same = sum(1 for other in inputs if other.name == one.name)
            kind = self._type(one.name, one.type)
            value = {"componentName": self._real(one.name), "componentType": kind, "topic": one.topic}
            yield _key(one.name, one.topic, same), _without_empty(value)

    def states(self) -> Document:
        return {name: self._state(name) for name in self._spec.states}

    def _state(self, name: str) -> Document:
        state = self._spec.states[name]
        real = dapr_components.real_state(self._spec, self._function, name)
        kind = state.spec.type if state and state.spec else self._known.get(name, "")
        return _without_empty({"componentName": real, "componentType": kind})


def _key(name: str, part: str | None, same: int) -> str:
    """The component's name; with its topic where two would share one key."""
    return f"{name}-{part}" if same > 1 and part else name


def _without_empty(value: Document) -> Document:
    return {key: inner for key, inner in value.items() if inner not in (None, "", {}, [])}


def _json(value: Document) -> str:
    kept = _without_empty(value)
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
