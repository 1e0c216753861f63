"""The gate in front of the application: bearer tokens, and the audit log of every write.

Health and version are open; it grants everything to every token it knows, until roles are evaluated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openfunction_py.apiserver import representation, status
from openfunction_py.lib import log

OPEN = ("/healthz", "/livez", "/readyz", "/version")
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

audit = log.get("audit")


class Gate:
    """ASGI middleware: no request passes without the name of its user."""

    def __init__(self, app: ASGIApp, *, tokens: Mapping[str, str]) -> None:
        """Know tokens by their digest, so that comparing tells nothing about them."""
        self._app = app
        self._users = {_digest(token.encode()): user for token, user in tokens.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        user = self._user(scope)
        if not user and not scope["path"].startswith(OPEN):
            failure = status.unauthorized()
            response = representation.respond(failure.to_wire(), code=failure.code)
            response.headers["www-authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        scope["user_name"] = user
        if scope["method"] in WRITES:
            send = _audited(scope, send, user)
        await self._app(scope, receive, send)

    def _user(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                return self._users.get(_digest(value[7:].strip()), "")
        return ""


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _audited(scope: Scope, send: Send, user: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            fields: dict[str, Any] = {"user": user, "verb": scope["method"], "path": scope["path"]}
            audit.info("write", **fields, code=message["status"])
        await send(message)

    return sending
