"""The AsyncAPI 3 document of functions: CloudEvents over HTTP, topics and bindings through Dapr, WebSockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from functions_framework import cloudevent
from functions_framework.context.document import Component, Output
from functions_framework.contract import eventtype
from functions_framework.contract.eventtype import EventType
from functions_framework.contract.schemas import Schemas
from functions_framework.contract.subject import Described, Subject

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_POST: Final = {"method": "POST", "query": {"type": "object"}, "bindingVersion": "0.3.0"}
_HERE: Final = {"host": "localhost:8080", "protocol": "http", "description": "The function itself."}


def document(subject: Subject) -> dict[str, Any]:
    """The document."""
    made = _Document()
    for one in subject.functions:
        if one.takes_event:
            made.over_http(one)
        elif one.function.signature == "websocket":
            made.socket(one)
    if subject.context is not None:
        for each in subject.context.inputs.values():
            made.through_dapr(each, "receive")
        for out in subject.context.outputs.values():
            made.through_dapr(out, "send")
    whole = {
        "asyncapi": "3.0.0",
        "info": {"title": subject.title, "version": subject.version},
        "servers": made.servers,
        "channels": made.channels,
        "operations": made.operations,
        "components": {"schemas": made.schemas.named} if made.schemas.named else {},
    }
    return {key: value for key, value in whole.items() if value}


class _Document:
    """The parts, while they are put together."""

    def __init__(self) -> None:
        self.servers: dict[str, Any] = {}
        self.channels: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}
        self.schemas = Schemas("#/components/schemas/")

    def over_http(self, one: Described) -> None:
        """A function that CloudEvents are sent to."""
        self.servers["http"] = dict(_HERE)
        channel = self._channel(one.name, one.path, "http", self._event(one.takes))
        self.channels[channel] |= _described(one) | _variables(one)
        self._operation(one.name, "receive", channel, {"http": _POST})

    def socket(self, one: Described) -> None:
        """A function that talks with each client over a WebSocket."""
        self.servers["ws"] = {**_HERE, "protocol": "ws"}
        anything = {"payload": {}, "summary": "A text or binary message."}
        channel = self._channel(one.name, one.path, "ws", anything)
        self.channels[channel] |= _described(one) | _variables(one)
        self._operation(f"{one.name}.receive", "receive", channel)
        self._operation(f"{one.name}.send", "send", channel)

    def through_dapr(self, one: Component, action: str) -> None:
        """A topic or a binding of the context."""
        server = self._server(one)
        name = one.name if one.name not in self.channels else f"{one.name}.{action}"
        message = (
            self._event(None) if one.is_topic else {"payload": {}, "summary": "What the binding carries."}
        )
        channel = self._channel(name, one.topic or one.component, server, message)
        more: dict[str, Any] = {"x-component": one.component, "x-metadata": dict(one.metadata)}
        if isinstance(one, Output) and one.operation:
            more["x-operation"] = one.operation
        self._operation(f"{action}.{one.name}", action, channel)
        self.channels[channel] |= {key: value for key, value in more.items() if value}

    def _event(self, about: EventType | None) -> dict[str, Any]:
        types = eventtype.names(about)
        return {
            **({"name": types[0]} if len(types) == 1 else {}),
            "contentType": cloudevent.STRUCTURED,
            "payload": eventtype.schema(about, self.schemas),
            "summary": "A CloudEvent, structured or binary.",
        }

    def _server(self, one: Component) -> str:
        """The server of a component: its name is what the sidecar knows it by."""
        name = _key(one.component)
        protocol = one.type.partition(".")[2].split(".")[0] or "dapr"
        kind = one.type or ("pubsub" if one.is_topic else "bindings")
        self.servers[name] = {
            "host": one.component,
            "protocol": protocol,
            "description": f"Dapr component {kind}.",
        }
        return name

    def _channel(self, name: str, address: str, server: str, message: Mapping[str, Any]) -> str:
        key = _key(name)
        self.channels[key] = {
            "address": address,
            "servers": [{"$ref": f"#/servers/{server}"}],
            "messages": {"message": dict(message)},
        }
        return key

    def _operation(
        self, name: str, action: str, channel: str, bindings: Mapping[str, Any] | None = None
    ) -> None:
        self.operations[_key(name)] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/message"}],
            **({"bindings": dict(bindings)} if bindings else {}),
        }


def _described(one: Described) -> dict[str, Any]:
    found = {"summary": one.summary, "description": one.description}
    return {key: value for key, value in found.items() if value}


def _variables(one: Described) -> dict[str, Any]:
    return {"parameters": {name: {} for name in one.variables}} if one.variables else {}


def _key(name: str) -> str:
    return _UNFIT.sub("-", name)
