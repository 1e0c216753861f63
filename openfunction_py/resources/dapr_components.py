"""Components of a Function → Dapr Component objects, under names that stay the same from version to version.

A component's name decides what a broker remembers of its readers, so nothing of it is random. Only the Function's
own sidecar may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.servings import ComponentSpec, Serving, ServingSpec
from openfunction_py.api.upstream.dapr import Component
from openfunction_py.lib import naming
from openfunction_py.resources import jetstream, labels

Document = dict[str, Any]
_UNFIT = re.compile(r"[^a-z0-9-]+")
# Types that Dapr renamed.
_RENAMED = {"pubsub.mqtt": "pubsub.mqtt3", "bindings.mqtt": "bindings.mqtt3"}


def app_id(function: str, namespace: str) -> str:
    """The name a function has among sidecars."""
    return f"{function}-{namespace}"


def make(serving: Serving, *, function: str, owner: meta.OwnerReference) -> list[Component]:
    """Every component that the version declares itself, owned by the Function."""
    app = app_id(function, serving.metadata.namespace)
    made = []
    for kind, key, component in declared(serving.spec):
        topics = topics_of(serving.spec, key) if kind == "pubsub" else []
        metadata = {
            "name": name_of(function, kind, key),
            "namespace": serving.metadata.namespace,
            "labels": {**labels.of_function(function), labels.SERVING: serving.metadata.name},
            "ownerReferences": [owner.to_wire()],
        }
        body = {"metadata": metadata, "spec": _spec(component, app, topics), "scopes": [app]}
        made.append(Component.model_validate(body))
    return made


def declared(spec: ServingSpec) -> Iterator[tuple[str, str, ComponentSpec]]:
    """Kind, key and spec of each component that stands in the Function."""
    for key, component in spec.bindings.items():
        yield "bindings", key, component
    for key, component in spec.pubsub.items():
        yield "pubsub", key, component
    for key, state in spec.states.items():
        if state is not None and state.spec is not None:
            yield "state", key, state.spec


def name_of(function: str, kind: str, key: str) -> str:
    """The object's name; a key that is no object name is told apart by its digest."""
    fit = _UNFIT.sub("-", key.lower()).strip("-")
    told = fit if fit == key else f"{fit}-{naming.digest_of(key, length=6)}".strip("-")
    return naming.child_name(function, f"-{kind}-{told}")


def real_name(spec: ServingSpec, function: str, name: str) -> str:
    """What the sidecar calls a component that a trigger, input or output names."""
    if name in spec.bindings:
        return name_of(function, "bindings", name)
    return name_of(function, "pubsub", name) if name in spec.pubsub else name


def real_state(spec: ServingSpec, function: str, name: str) -> str:
    """What the sidecar calls a state store; one without a spec exists under its own name."""
    state = spec.states.get(name)
    return name_of(function, "state", name) if state is not None and state.spec is not None else name


def type_of(spec: ServingSpec, name: str, known: Mapping[str, str]) -> str:
    """The type of a component as it will run: declared here, or known to exist; empty when neither."""
    component = spec.bindings.get(name) or spec.pubsub.get(name)
    return written_type(component.type) if component is not None else known.get(name, "")


def written_type(given: str) -> str:
    """The type that a sidecar of today has: NATS Streaming is gone from it."""
    return jetstream.TYPE if given in jetstream.STREAMING else _RENAMED.get(given, given)


def metadata_of(component: ComponentSpec, app: str, topics: Sequence[str]) -> list[Document]:
    """Metadata as it is written; `topics` are those that start the function.

    JetStream always gets its reader's name: without one Dapr's reader is forgotten at zero, and with it what
    came meanwhile. One name serves one topic, so of several topics the driver makes a name for each.
    """
    items = [one.to_wire() for one in component.metadata]
    if component.type in jetstream.STREAMING:
        items = jetstream.from_streaming(items)
    if written_type(component.type) == jetstream.TYPE and len(topics) == 1:
        named = {str(one["name"]).lower() for one in items}
        if "durablename" not in named:
            items.append(
                {"name": "durableName", "value": jetstream.durable_of(group_of(items, app), topics[0])}
            )
        if "queuegroupname" not in named:
            items.append({"name": "queueGroupName", "value": app})
    return items


def group_of(items: Sequence[Document], app: str) -> str:
    """The group that a sidecar reads with: the consumer that is named, else the app."""
    return jetstream.value_of(items, "consumerID") or app


def topics_of(spec: ServingSpec, name: str) -> list[str]:
    """The topics of a component that start the function, in the manifest's order."""
    triggers = spec.triggers.dapr if spec.triggers else []
    return list(dict.fromkeys(one.topic for one in triggers if one.name == name and one.topic))


def _spec(component: ComponentSpec, app: str, topics: Sequence[str]) -> Document:
    body: Document = {
        "type": written_type(component.type),
        "version": component.version or "v1",
        "metadata": metadata_of(component, app, topics),
    }
    if component.ignore_errors is not None:
        body["ignoreErrors"] = component.ignore_errors
    if component.init_timeout:
        body["initTimeout"] = component.init_timeout
    return body


def missing(spec: ServingSpec, known: Mapping[str, str]) -> list[str]:
    """Sentences on triggers, inputs and outputs that name a component which is neither declared nor known."""
    triggers = spec.triggers
    named = [("a trigger", one.name) for one in (triggers.dapr if triggers else [])]
    named += [("an input", one.dapr.name) for one in (triggers.inputs if triggers else []) if one.dapr]
    named += [("an output", one.dapr.name) for one in spec.outputs if one.dapr]
    stores = [name for name, state in spec.states.items() if state is None or state.spec is None]
    lost = [f"{who} names the component {name}" for who, name in named if not type_of(spec, name, known)]
    lost += [f"the state {name} has no spec" for name in stores if name not in known]
    return [f"{one}, and there is no Component of that name; declare it or make it" for one in lost]
