"""Defaults of our kinds (openfunction.md 1.6), and empty values that count as absent.

It takes a document and gives a new one; it judges nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from openfunction_py.api import eventbuses, events, gateways, triggers

Document = dict[str, Any]

VERSION = "latest"
PORT = 8080
TIMEOUT_SECONDS = 300
GATEWAY = {"name": "openfunction", "namespace": "openfunction"}
WASM = "WasmEdge"
WASM_ANNOTATION = "module.wasm.image/variant"
WASM_VARIANT = "compat-smart"
WASM_STRATEGY = {"name": "wasmedge", "kind": "ClusterBuildStrategy"}
WASM_RUNTIME_CLASS = "openfunction-crun"


def default(kind: str, document: Document) -> Document:
    """`document` with its defaults written out."""
    step = _STEPS.get(kind)
    if step is None:
        return document
    done = copy.deepcopy(document)
    step(done)
    return done


def _function(document: Document) -> None:
    spec = _map(document, "spec")
    if spec is None:
        return
    if spec.get("version") in (None, ""):
        spec["version"] = VERSION
    serving = _map(spec, "serving")
    if serving is not None:
        _serving(serving)
    if _is_wasm(document, spec):
        _wasm(document, spec)


def _serving_object(document: Document) -> None:
    spec = _map(document, "spec")
    if spec is not None:
        _serving(spec)


def _serving(serving: Document) -> None:
    _triggers(serving)
    for part in ("bindings", "pubsub"):
        for component in _values(serving, part):
            _component(component)
    states = _map(serving, "states")
    for name, state in (states or {}).items():
        if state is None and states is not None:
            states[name] = {}
        elif isinstance(state, dict) and isinstance(state.get("spec"), dict):
            _component(state["spec"])


def _triggers(serving: Document) -> None:
    if serving.get("triggers") is None:
        serving["triggers"] = {}
    triggers = _map(serving, "triggers")
    if triggers is None:
        return
    is_async = bool(triggers.get("dapr"))
    if "http" not in triggers and is_async:
        return
    if triggers.get("http") is None:
        triggers["http"] = {}
    http = _map(triggers, "http")
    if http is None:
        return
    port = http.get("port")
    if port is None or (port == 0 and not isinstance(port, bool) and not is_async):
        http["port"] = PORT
    http.setdefault("timeoutSeconds", TIMEOUT_SECONDS)
    if http.get("route") is None:
        http["route"] = {}
    route = _map(http, "route")
    if route is not None and route.get("gatewayRef") is None:
        route["gatewayRef"] = dict(GATEWAY)


def _component(component: Document) -> None:
    if component.get("initTimeout") == "":
        del component["initTimeout"]
    for item in component.get("metadata") or []:
        reference = item.get("secretKeyRef") if isinstance(item, dict) else None
        if isinstance(reference, dict) and not reference.get("name") and not reference.get("key"):
            del item["secretKeyRef"]


def _is_wasm(document: Document, spec: Document) -> bool:
    annotations = (document.get("metadata") or {}).get("annotations") or {}
    named = isinstance(spec.get("workloadRuntime"), str) and spec["workloadRuntime"].lower() == WASM.lower()
    return named or WASM_ANNOTATION in annotations


def _wasm(document: Document, spec: Document) -> None:
    _own(document.setdefault("metadata", {}), "annotations").setdefault(WASM_ANNOTATION, WASM_VARIANT)
    serving = _map(spec, "serving")
    if serving is not None:
        _own(serving, "annotations").setdefault(WASM_ANNOTATION, WASM_VARIANT)
        _own(serving, "template").setdefault("runtimeClassName", WASM_RUNTIME_CLASS)
    build = _map(spec, "build")
    if build is not None:
        _own(build, "shipwright").setdefault("strategy", dict(WASM_STRATEGY))


def _gateway(document: Document) -> None:
    spec = _map(document, "spec")
    if spec is None:
        return
    spec.setdefault("clusterDomain", gateways.CLUSTER_DOMAIN)
    spec.setdefault("hostTemplate", gateways.HOST_TEMPLATE)
    spec.setdefault("pathTemplate", gateways.PATH_TEMPLATE)
    spec.setdefault("httpRouteLabelKey", gateways.ROUTE_LABEL_KEY)
    definition = _map(spec, "gatewayDef")
    if definition is not None:
        definition.setdefault("name", (document.get("metadata") or {}).get("name", ""))
    _listeners(spec)


def _listeners(spec: Document) -> None:
    """Every listener serves the domain; one of ours serves the names of functions among themselves."""
    holder = _own(spec, "gatewaySpec")
    listeners = holder.get("listeners") or []
    if not isinstance(listeners, list) or not all(isinstance(one, dict) for one in listeners):
        return
    for listener in listeners:
        if listener.get("name") != gateways.INTERNAL_LISTENER and spec.get("domain"):
            listener["hostname"] = f"*.{spec['domain']}"
    internal = {
        "name": gateways.INTERNAL_LISTENER,
        "hostname": f"*.{spec['clusterDomain']}",
        "protocol": "HTTP",
        "port": 80,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    others = [one for one in listeners if one.get("name") != gateways.INTERNAL_LISTENER]
    holder["listeners"] = [*others, internal]


def _map(parent: Document, key: str) -> Document | None:
    value = parent.get(key)
    return value if isinstance(value, dict) else None


def _own(parent: Document, key: str) -> Document:
    """The map at `key`, made when absent; a value of another type is left for the type check to report."""
    if parent.get(key) is None:
        parent[key] = {}
    value = parent[key]
    return value if isinstance(value, dict) else {}


def _values(parent: Document, key: str) -> list[Document]:
    return [one for one in (_map(parent, key) or {}).values() if isinstance(one, dict)]


def _event_source(document: Document) -> None:
    spec = _map(document, "spec")
    if spec is not None:
        _log_level(spec)
        for kafka in _values(spec, "kafka"):
            kafka.setdefault("authRequired", False)


def _event_bus(document: Document) -> None:
    """Without a broker it is JetStream of our own, which keeps what it acknowledged."""
    spec = _own(document, "spec")
    if not any(spec.get(name) is not None for name in eventbuses.BROKERS):
        spec["jetStream"] = {}
    stream = _map(spec, "jetStream")
    if stream is not None and stream.get("url") in (None, ""):
        stream.pop("url", None)
        stream.setdefault("syncInterval", eventbuses.SYNC)
        stream.setdefault("replicas", 1)


def _trigger(document: Document) -> None:
    spec = _map(document, "spec")
    if spec is not None:
        _log_level(spec)
        if spec.get("window") in (None, ""):
            spec["window"] = triggers.WINDOW


def _log_level(spec: Document) -> None:
    if spec.get("logLevel") in (None, ""):
        spec["logLevel"] = events.LOG_LEVEL


_STEPS: dict[str, Callable[[Document], None]] = {
    "Function": _function,
    "Serving": _serving_object,
    "OpenFunctionGateway": _gateway,
    "EventSource": _event_source,
    "EventBus": _event_bus,
    "ClusterEventBus": _event_bus,
    "Trigger": _trigger,
}
