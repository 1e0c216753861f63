"""The application: the routes in their order, the token, the limit of a body, and refusals as answers."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.http import messages, parts, rest, state
from openfunction_eventing.sidecar.refusals import Refusal
from openfunction_eventing.sidecar.sidecar import Sidecar

TOKEN: Final = "dapr-api-token"  # noqa: S105  # a header's name
_OPEN = frozenset({"/v1.0/healthz", "/v1.0/healthz/outbound"})


def create(sidecar: Sidecar) -> ASGIApp:
    """The HTTP API of a sidecar."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.sidecar = sidecar
    for router in (messages.router, state.router, rest.router):
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    settings = sidecar.settings
    return Guard(app, token=settings.token, most=settings.max_body)


async def _refused(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, Refusal):
        raise error
    return parts.refused(error)


class Guard:
    """Keeps out who does not show the token, and bodies that are too large."""

    def __init__(self, app: ASGIApp, *, token: str, most: int) -> None:
        self._app = app
        self._token = token.encode()
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] != "http":
            return
        headers = scope["headers"]
        if self._token and scope["path"].rstrip("/") not in _OPEN:
            shown = next((value for name, value in headers if name == TOKEN.encode()), b"")
            if not compare_digest(shown, self._token):
                await Response("invalid api token\n", 401, media_type="text/plain")(scope, receive, send)
                return
        scope["headers"] = [one for one in headers if one[0] != TOKEN.encode()]
        await self._app(scope, self._limited(receive), send)

    def _limited(self, receive: Receive) -> Receive:
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise refusals.too_large(self._most)
            return message

        return limited
