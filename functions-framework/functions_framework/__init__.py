"""What a user's module imports: decorators, and the types of what functions receive and return.

It imports nothing of the platform; servers and types load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from functions_framework.errors import BadRequest, HttpError
from functions_framework.registry import cloud_event, http

if TYPE_CHECKING:
    from functions_framework.cloudevent import CloudEvent
    from functions_framework.request import Request
    from functions_framework.response import Response

__all__ = ["BadRequest", "CloudEvent", "HttpError", "Request", "Response", "cloud_event", "http"]

_LAZY = {"CloudEvent": "cloudevent", "Request": "request", "Response": "response"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
