"""What a user's module imports: decorators, and the types of what functions receive and return.

It imports nothing of the platform; servers and types load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from functions_framework.errors import BadRequest, HttpError, InvalidInput
from functions_framework.registry import cloud_event, http, typed

if TYPE_CHECKING:
    from functions_framework.apps import LazyWSGIApp, app, create_app
    from functions_framework.cloudevent import CloudEvent
    from functions_framework.connections.websocket import WebSocket, WebSocketClosed
    from functions_framework.context.out import FunctionOut
    from functions_framework.context.user_context import UserContext
    from functions_framework.context.user_context import UserContext as Context
    from functions_framework.contract.eventtype import EventType
    from functions_framework.dapr.signals import Drop, Retry
    from functions_framework.errorhandlers import errorhandler
    from functions_framework.errors import FrameworkError as FunctionsFrameworkException
    from functions_framework.googles import CloudEventFunction, HTTPFunction, setup_logging
    from functions_framework.hooks import after, before
    from functions_framework.invocation import Invocation
    from functions_framework.invocation import current as current_invocation
    from functions_framework.lifecycle import lifespan, on_shutdown, on_startup
    from functions_framework.plugins import Plugin
    from functions_framework.readiness import set_ready
    from functions_framework.registry import openfunction
    from functions_framework.request import Request
    from functions_framework.response import Response
    from functions_framework.signatures.parameters import Body, Header, Json, Query
    from functions_framework.signatures.websocket import websocket
    from functions_framework.sse import Event

__all__ = [
    "BadRequest",
    "Body",
    "CloudEvent",
    "CloudEventFunction",
    "Context",
    "Drop",
    "Event",
    "EventType",
    "FunctionOut",
    "FunctionsFrameworkException",
    "HTTPFunction",
    "Header",
    "HttpError",
    "InvalidInput",
    "Invocation",
    "Json",
    "LazyWSGIApp",
    "Plugin",
    "Query",
    "Request",
    "Response",
    "Retry",
    "UserContext",
    "WebSocket",
    "WebSocketClosed",
    "after",
    "app",
    "before",
    "cloud_event",
    "create_app",
    "current_invocation",
    "errorhandler",
    "http",
    "lifespan",
    "on_shutdown",
    "on_startup",
    "openfunction",
    "set_ready",
    "setup_logging",
    "typed",
    "websocket",
]

_LAZY = {
    "LazyWSGIApp": "apps",
    "app": "apps",
    "create_app": "apps",
    "errorhandler": "errorhandlers",
    "FunctionsFrameworkException": "exceptions",
    "CloudEventFunction": "googles",
    "HTTPFunction": "googles",
    "setup_logging": "googles",
    "after": "hooks",
    "before": "hooks",
    "Invocation": "invocation",
    "lifespan": "lifecycle",
    "on_shutdown": "lifecycle",
    "on_startup": "lifecycle",
    "set_ready": "readiness",
    "WebSocket": "connections.websocket",
    "WebSocketClosed": "connections.websocket",
    "websocket": "signatures.websocket",
    "Plugin": "plugins",
    "CloudEvent": "cloudevent",
    "Context": "context.user_context",
    "UserContext": "context.user_context",
    "FunctionOut": "context.out",
    "Drop": "dapr.signals",
    "Retry": "dapr.signals",
    "Request": "request",
    "Response": "response",
    "Event": "sse",
    "EventType": "contract.eventtype",
    "Body": "signatures.parameters",
    "Header": "signatures.parameters",
    "Json": "signatures.parameters",
    "Query": "signatures.parameters",
}
_MODULES = frozenset({"aio", "exceptions"})  # Google's package has them without a second import


def __getattr__(name: str) -> object:
    if name == "current_invocation":
        return import_module(f"{__name__}.invocation").current
    if name == "openfunction":
        return import_module(f"{__name__}.openfunction")  # a package that is called; it says why
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "logging":
        return import_module(name)  # firebase-functions takes the standard library's from Google's package
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
