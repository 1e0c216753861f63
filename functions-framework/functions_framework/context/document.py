"""FUNC_CONTEXT in both of its shapes, read into one value (openfunction.md 2.4).

It reads an environment it is given; which shape a text has is seen by its content, never by the variable's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from functions_framework.context import reading
from functions_framework.context.reading import InvalidContext, Node

__all__ = [
    "Context", "Exporter", "HookList", "Input", "InvalidContext", "Output", "Provider", "State", "Tracing",
    "from_environ", "parse",
]  # fmt: skip

V1BETA1: Final = "FUNC_CONTEXT"
V1BETA2: Final = "FUNC_CONTEXT_V1BETA2"
PORT: Final = 8080
_RUNTIMES: Final = ("Knative", "Async")
_ONLY_V1BETA2 = frozenset({"triggers", "preHooks", "postHooks", "pre_hooks", "post_hooks", "tracing"})


@dataclass(frozen=True, slots=True)
class Component:
    """A Dapr component by the name that the sidecar knows.

    Attributes:
        name: what the function calls it: a key of the context, unique among its kind.
        component: what the sidecar calls it.
        type: such as `bindings.kafka`; empty when the context does not say.
        topic: the topic of a pub/sub component; empty for a binding.
        metadata: sent with each call.
    """

    name: str
    component: str
    type: str = ""
    topic: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_topic(self) -> bool:
        """True for pub/sub; a component without a type is pub/sub when it has a topic."""
        return self.type.startswith("pubsub") or (not self.type and bool(self.topic))


@dataclass(frozen=True, slots=True)
class Input(Component):
    """What the function is called with: a topic's events or a binding's."""


@dataclass(frozen=True, slots=True)
class Output(Component):
    """Where `send` sends to; `operation` is what a binding is asked to do."""

    operation: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A state store: what the function calls it, what the sidecar calls it, its type."""

    name: str
    component: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class HookList:
    """Names of hooks in the order in which they run."""

    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exporter:
    """Where spans go; `timeout` is text such as `10s`."""

    name: str = ""
    endpoint: str = ""
    headers: str = ""
    compression: str = ""
    timeout: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """`skywalking` with its OAP server, or `opentelemetry` with its exporter."""

    name: str = ""
    oap_server: str = ""
    exporter: Exporter = field(default_factory=Exporter)


@dataclass(frozen=True, slots=True)
class Tracing:
    """Tracing as the manifest asks for it."""

    enabled: bool = False
    provider: Provider = field(default_factory=Provider)
    tags: Mapping[str, str] = field(default_factory=dict)
    baggage: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What the platform says of a function.

    Attributes:
        name: the function's name.
        version: free text.
        http: it answers HTTP requests of callers, beside whatever Dapr delivers.
        port: where it listens, for callers and for the sidecar.
        pattern: the path its HTTP requests come on; empty for every path.
        inputs: what triggers it through Dapr, by name.
        side_inputs: components it may read, which trigger nothing; by name.
        outputs: by name.
        states: by name.
        hooks: around each call.
        tracing: None when the context says nothing of it.
    """

    name: str = ""
    version: str = ""
    http: bool = True
    port: int = PORT
    pattern: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    side_inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    hooks: HookList = field(default_factory=HookList)
    tracing: Tracing | None = None

    @property
    def needs_dapr(self) -> bool:
        """True when anything of it goes through a sidecar."""
        return bool(self.inputs or self.side_inputs or self.outputs or self.states)


def from_environ(environ: Mapping[str, str]) -> Context | None:
    """The context of an environment, None when neither variable is set.

    With both set the newer one leads; what only the older one knows is filled in, as the published controller leaves
    topics out of the newer and hooks out of the older.

    Raises:
        InvalidContext: names the variable and the key.
    """
    found = [parse(text, variable) for variable in (V1BETA2, V1BETA1) if (text := environ.get(variable))]
    if not found:
        return None
    return found[0] if len(found) == 1 else _merged(found[0], found[1])


def parse(text: str, variable: str = V1BETA1) -> Context:
    """Read one text of either shape; raises InvalidContext that names the key, below `variable`."""
    root = reading.root(text, variable)
    return _v1beta2(root) if _ONLY_V1BETA2 & root.keys() else _v1beta1(root)


def _v1beta1(root: Node) -> Context:
    return Context(
        name=root.name("name"),
        version=root.text("version"),
        http=root.one_of("runtime", _RUNTIMES) != "async",
        port=root.port("port", PORT),
        pattern=root.text("httpPattern"),
        inputs=_inputs(root.node("inputs")),
        outputs=_outputs(root.node("outputs")),
        states=_states(root.node("states")),
        hooks=_plugins(root),
        tracing=_tracing(root, "pluginsTracing"),
    )


def _plugins(root: Node) -> HookList:
    """The lists as a controller writes them, else what the annotation `plugins` says: its order counts both ways."""
    said = root.node("plugins")
    order = said.texts("order")
    return HookList(
        root.texts("prePlugins") or said.texts("pre") or order,
        root.texts("postPlugins") or said.texts("post") or order[::-1],
    )


def _v1beta2(root: Node) -> Context:
    triggers = root.node("triggers")
    http = triggers.node("http")
    return Context(
        name=root.name("name"),
        version=root.text("version"),
        http="http" in triggers.keys() or not triggers.nodes("dapr"),  # noqa: SIM118  # a Node is no mapping
        port=http.port("port", root.port("port", PORT)),
        pattern=root.text("httpPattern"),
        inputs=_triggers(triggers.nodes("dapr")),
        side_inputs=_inputs(root.node("inputs")),
        outputs=_outputs(root.node("outputs")),
        states=_states(root.node("states")),
        hooks=HookList(
            root.texts("preHooks") or root.texts("pre_hooks"),
            root.texts("postHooks") or root.texts("post_hooks"),
        ),
        tracing=_tracing(root, "tracing"),
    )


def _inputs(node: Node) -> dict[str, Input]:
    return {
        name: Input(
            name, value.required("componentName"), value.text("componentType"), _topic(value), value.map("metadata")
        )
        for name, value in node.items()
    }  # fmt: skip


def _outputs(node: Node) -> dict[str, Output]:
    return {
        name: Output(
            name, value.required("componentName"), value.text("componentType"), _topic(value), value.map("metadata"),
            value.text("operation"),
        )
        for name, value in node.items()
    }  # fmt: skip


def _topic(value: Node) -> str:
    """`topic`, or the older `uri`, which for a binding repeats the component's name."""
    if value.text("componentType").startswith("bindings"):
        return ""
    uri = value.text("uri")
    typed = bool(value.text("componentType"))
    return value.text("topic") or (uri if typed or uri != value.text("componentName") else "")


def _triggers(nodes: Iterable[Node]) -> dict[str, Input]:
    """Keyed as the older shape is: by component, and by its topic too where one component has several."""
    listed = list(nodes)
    found: dict[str, Input] = {}
    for node in listed:
        component, topic = node.required("name"), node.text("topic")
        same = sum(1 for other in listed if other.text("name") == component)
        name = node.text("inputName") or (f"{component}-{topic}" if same > 1 and topic else component)
        found[name] = Input(name, component, node.text("type"), topic, node.map("metadata"))
    return found


def _states(node: Node) -> dict[str, State]:
    return {
        name: State(name, value.text("componentName") or name, value.text("componentType"))
        for name, value in node.items()
    }


def _tracing(root: Node, key: str) -> Tracing | None:
    if key not in root.keys():  # noqa: SIM118  # a Node is no mapping
        return None
    node = root.node(key)
    provider = node.node("provider")
    exporter = provider.node("exporter")
    return Tracing(
        enabled=node.flag("enabled"),
        provider=Provider(
            provider.text("name"),
            provider.text("oapServer"),
            Exporter(**{
                name: exporter.text(name)
                for name in ("name", "endpoint", "headers", "compression", "timeout", "protocol")
            }),
        ),
        tags=node.map("tags"),
        baggage=node.map("baggage"),
    )  # fmt: skip


def _merged(newer: Context, older: Context) -> Context:
    """The newer context with what only the older one says; the same trigger is kept once, by its older name."""
    named = {(one.component, one.topic): one.name for one in older.inputs.values()}
    inputs = [
        replace(one, name=named.get((one.component, one.topic), one.name)) for one in newer.inputs.values()
    ]
    topics = {one.component: one.topic for one in older.outputs.values() if one.topic}
    outputs = {
        name: replace(one, topic=one.topic or (topics.get(one.component, "") if one.is_topic else ""))
        for name, one in newer.outputs.items()
    }
    return replace(
        newer,
        pattern=newer.pattern or older.pattern,
        inputs={one.name: one for one in inputs},
        outputs={**older.outputs, **outputs},
        hooks=newer.hooks if newer.hooks != HookList() else older.hooks,
        tracing=newer.tracing or older.tracing,
    )  # fmt: skip
