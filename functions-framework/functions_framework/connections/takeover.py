"""Whether a connection goes on in another protocol: HTTP/2 after its preface or an upgrade, a WebSocket.

Each protocol loads when a client first asks for it; where its package is missing, HTTP/1.1 answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Callable
from importlib import util
from typing import TYPE_CHECKING, Any

from functions_framework.connections.site import Site
from functions_framework.request import Request

if TYPE_CHECKING:
    from functions_framework.connections import http2

HandOver = Callable[[asyncio.BaseProtocol], asyncio.Transport | None]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_BATCH = b"OFN-BATCH/1\r\n"


def second(site: Site, opening: bytes, transport: asyncio.Transport | None) -> asyncio.BaseProtocol | None:
    """Who speaks on a connection that opens with HTTP/2's preface; None where nobody can."""
    if opening.startswith(_BATCH, len(PREFACE)) and _is_local(transport):
        from functions_framework.connections import batches  # noqa: PLC0415  # for functions behind our sidecar alone

        return batches.Batches(site, PREFACE + batches.OPENING)
    taken = site.second
    if taken is not None:
        return taken(lambda exchange: site.begin(exchange))  # noqa: PLW0108  # while it starts, `begin` is another
    if util.find_spec("h2") is None:
        return None
    from functions_framework.connections import http2  # noqa: PLC0415  # its package is an extra

    return http2.Connection(site)


def _is_local(transport: asyncio.Transport | None) -> bool:
    """The peer came by a Unix socket, where only a sidecar does."""
    if transport is None:
        return False
    return bool(transport.get_extra_info("socket").family == getattr(socket, "AF_UNIX", None))


def h2c(site: Site, request: Request) -> tuple[http2.Connection, bytes] | None:
    """HTTP/2 for a request that asks to go on in it, and the settings it sends along (RFC 7540 §3.2)."""
    wants = {part.strip().lower() for part in request.headers.get("upgrade", "").split(",")}
    settings = request.headers.getlist("http2-settings")
    if "h2c" not in wants or len(settings) != 1 or util.find_spec("h2") is None:
        return None
    try:
        base64.urlsafe_b64decode(settings[0] + "=" * (-len(settings[0]) % 4))
    except (binascii.Error, ValueError):
        return None
    from functions_framework.connections import http2  # noqa: PLC0415  # as above

    return http2.Connection(site), settings[0].encode()


def is_websocket(request: Request) -> bool:
    """The request asks for a WebSocket (RFC 6455 §4.2.1)."""
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("upgrade", "").strip().lower() == "websocket"
        and "upgrade" in {part.strip().lower() for part in headers.get("connection", "").split(",")}
    )


def websocket(site: Site, hand_over: HandOver, request: Request) -> Any:  # Any: loaded only where it is used
    """A WebSocket in the place of an answer; None where the request asks for none or its package is missing."""
    if not is_websocket(request) or util.find_spec("wsproto") is None:
        return None
    from functions_framework.connections import websocket  # noqa: PLC0415  # its package is an extra

    return websocket.open_on(site, hand_over, request)
