"""Questions to other apps: service invocation through the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.spelling import path, payload

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def invoke(
    app: str,
    method: str,
    data: Any = None,
    *,
    verb: str = "",
    args: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Ask[Reply]:
    """Call a method of an app; its path may have slashes. A refusal of the app raises DaprError with its status.

    Args:
        app: the app's id, `id.namespace` for one of another namespace.
        method: the path below the app's root.
        data: the body: bytes, text, or a value that is sent as JSON.
        verb: the HTTP method; POST with data and GET without when empty.
        args: the query.
        headers: more header fields.
    """
    verb = verb.upper() or ("GET" if data is None else "POST")
    body, kind = payload(data)
    asked = f"?{urlencode(args)}" if args else ""
    return Ask(
        "invoke",
        f"{app} method {method}",
        f"{path('invoke', app, 'method')}/{quote(method.lstrip('/'), safe='/')}{asked}",
        _whole,
        method=verb,
        body=body,
        headers={**({} if data is None else {"content-type": kind}), **(headers or {})},
        facts={"app": app, "method": method, "data": data, "verb": verb, "args": dict(args or {})},
        repeatable=verb in _READING,
    )


def _whole(reply: Reply) -> Reply:
    return reply
