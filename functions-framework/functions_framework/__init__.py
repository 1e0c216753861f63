"""What a user's module imports: decorators, and the types of what functions receive and return.

It imports nothing of the platform; servers and types load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from functions_framework.errors import BadRequest, HttpError, InvalidInput
from functions_framework.registry import cloud_event, http, typed

if TYPE_CHECKING:
    from functions_framework.cloudevent import CloudEvent
    from functions_framework.hooks import after, before
    from functions_framework.invocation import Invocation
    from functions_framework.invocation import current as current_invocation
    from functions_framework.plugins import Plugin
    from functions_framework.request import Request
    from functions_framework.response import Response
    from functions_framework.signatures.parameters import Body, Header, Json, Query
    from functions_framework.sse import Event

__all__ = [
    "BadRequest",
    "Body",
    "CloudEvent",
    "Event",
    "Header",
    "HttpError",
    "InvalidInput",
    "Invocation",
    "Json",
    "Plugin",
    "Query",
    "Request",
    "Response",
    "after",
    "before",
    "cloud_event",
    "current_invocation",
    "http",
    "typed",
]

_LAZY = {
    "after": "hooks",
    "before": "hooks",
    "Invocation": "invocation",
    "Plugin": "plugins",
    "CloudEvent": "cloudevent",
    "Request": "request",
    "Response": "response",
    "Event": "sse",
    "Body": "signatures.parameters",
    "Header": "signatures.parameters",
    "Json": "signatures.parameters",
    "Query": "signatures.parameters",
}


def __getattr__(name: str) -> object:
    if name == "current_invocation":
        return import_module(f"{__name__}.invocation").current
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
