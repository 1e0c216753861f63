"""One client's connection: parses requests, runs them one after the other, limits heads and waits.

Knows nothing of routes or instances; each request becomes an `Exchange` that the gateway dispatches.
"""

import asyncio
from collections import deque
from typing import Protocol, cast

import httptools

from openfunction_py.dataplane import answers, requests
from openfunction_py.dataplane.answers import Answer
from openfunction_py.dataplane.exchange import Exchange, Hub
from openfunction_py.dataplane.requests import BadHeadError, Head, Headers
from openfunction_py.dataplane.upstream import Upstream
from openfunction_py.lib import log

logger = log.get("dataplane.access")


class House(Hub, Protocol):
    """The gateway as a connection sees it."""

    clients: set["Client"]
    draining: bool


class Client(asyncio.Protocol):
    """The connection; at most one exchange runs, pipelined ones wait, and reading stops while they do."""

    def __init__(self, hub: House) -> None:
        self.hub = hub
        self.transport: asyncio.Transport
        self.parser = httptools.HttpRequestParser(self)
        self.peer = b""
        self.current: Exchange | None = None
        self.receiving: Exchange | None = None
        self.queue: deque[Exchange] = deque()
        self.tunnel: Upstream | None = None
        self.full = self.paused = self.refused = False
        self.awaits_tunnel = False
        self.early: list[bytes] = []
        self.deadline: float | None = None
        self.begin_head()
        self.head_open = False

    def begin_head(self) -> None:
        """Forget the last head."""
        self.target = b""
        self.headers: Headers = []
        self.head_size = self.header_bytes = 0
        self.head_open = True
        self.ignored_upgrade = False

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is there."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = peer[0].encode() if isinstance(peer, tuple) else b"unknown"
        self.deadline = self.hub.monotonic() + self.hub.settings.head_timeout
        self.hub.clients.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came, or pass it on in a tunnel."""
        if self.tunnel is not None:
            self.tunnel.write(data)
        elif self.awaits_tunnel:
            self.early.append(data)
        elif not self.refused:
            self.parse(data)

    def parse(self, data: bytes) -> None:
        """Feed the parser within the limits of a head."""
        if self.head_open:
            self.head_size += len(data)
            if self.head_size > self.hub.settings.max_head + self.hub.settings.max_target:
                self.refuse(431, "The request's headers are too large.")
                return
        elif self.receiving is None and self.deadline is not None:
            self.deadline = self.hub.monotonic() + self.hub.settings.head_timeout
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.refuse(400, f"The request is not HTTP/1.1: {error}.")

    def upgraded(self, rest: bytes) -> None:
        """Keep what follows a request for another protocol, or read on when that request is ignored."""
        if not self.ignored_upgrade:
            self.awaits_tunnel = True
            self.early.append(rest)
            self.regulate()
            return
        head = b"%b %b HTTP/1.1\r\n" % (self.parser.get_method(), self.target)
        kept = [header for header in self.headers if header[0].lower() not in {b"upgrade", b"connection"}]
        head += b"".join(b"%b: %b\r\n" % header for header in kept) + b"\r\n"
        self.parser = httptools.HttpRequestParser(self)
        self.parse(head + rest)

    def eof_received(self) -> bool:
        """Take an end from the client as its leaving; in a tunnel it is passed on."""
        if self.tunnel is not None and not self.tunnel.closed and self.tunnel.transport.can_write_eof():
            self.tunnel.transport.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's signature
        """Give up everything that was under way."""
        self.hub.clients.discard(self)
        self.refused = True
        for exchange in (self.current, *self.queue):
            if exchange is not None:
                exchange.finish()
        self.queue.clear()

    def pause_writing(self) -> None:
        """Slow the instance down."""
        self.full = True
        if self.current is not None:
            self.current.client_full(full=True)

    def resume_writing(self) -> None:
        """Let the instance go on."""
        self.full = False
        if self.current is not None:
            self.current.client_full(full=False)

    # what the parser tells

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.begin_head()

    def on_url(self, part: bytes) -> None:
        """Collect the target."""
        self.target += part
        if len(self.target) > self.hub.settings.max_target:
            self.refuse(414, "The request's URL is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers are dropped."""
        if not self.head_open or self.refused:
            return
        self.headers.append((name, value))
        self.header_bytes += len(name) + len(value)
        if len(self.headers) > self.hub.settings.max_headers:
            self.refuse(431, "The request has too many headers.")
        elif self.header_bytes > self.hub.settings.max_head:
            self.refuse(431, "The request's headers are too large.")

    def on_headers_complete(self) -> None:
        """Begin the exchange of a complete head."""
        self.head_open = False
        if self.refused or self.ignores_upgrade():
            return
        parser = self.parser
        head = Head(
            parser.get_method(), self.target, self.headers, parser.get_http_version(),
            parser.should_keep_alive(), parser.should_upgrade(),
        )  # fmt: skip
        try:
            request = requests.read(head)
        except BadHeadError as error:
            self.refuse(error.status, error.message)
            return
        self.deadline = None
        exchange = self.receiving = Exchange(self, request, self.hub)
        if self.current is None:
            self.current = exchange
            self.hub.dispatch(exchange)
        else:
            self.queue.append(exchange)
            self.regulate()

    def ignores_upgrade(self) -> bool:
        """Tell whether a request for another protocol is read as plain HTTP: h2c, or one with a body.

        llhttp would not read the body of such a request.
        """
        if not self.parser.should_upgrade() or self.parser.get_method() == b"CONNECT":
            return False
        names = {name.lower(): value for name, value in self.headers}
        has_body = b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"
        self.ignored_upgrade = has_body or names.get(b"upgrade", b"").lower().startswith(b"h2c")
        return self.ignored_upgrade

    def on_body(self, chunk: bytes) -> None:
        """Pass a piece of the body on."""
        if self.receiving is not None:
            self.receiving.body(chunk)

    def on_message_complete(self) -> None:
        """End the request that is being read."""
        exchange, self.receiving = self.receiving, None
        if exchange is not None:
            exchange.body_done()

    # what the exchange asks

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this answer."""
        return self.hub.draining or self.refused or self.awaits_tunnel

    def write(self, data: bytes) -> None:
        """Send to the client."""
        self.transport.write(data)

    def regulate(self) -> None:
        """Read on, or stop while a pipelined request waits or a body is not wanted yet."""
        exchange = self.receiving or self.current
        pause = self.awaits_tunnel or bool(self.queue) or (exchange is not None and not exchange.wants_more)
        if exchange is not None and exchange.over and not exchange.wants_more:
            self.transport.close()  # it sends on and on what nobody will read
            return
        if pause is not self.paused and not self.transport.is_closing():
            self.paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def done(self, exchange: Exchange, *, close: bool) -> None:
        """Go on to the next request, or end."""
        if exchange is not self.current:
            return
        self.current = None
        if self.hub.settings.access_log:
            log_access(exchange, self.hub.monotonic())
        if close or self.closing:
            self.refused = True
            self.transport.close()
            return
        if self.queue:
            self.current = self.queue.popleft()
            self.hub.dispatch(self.current)
        else:
            self.deadline = self.hub.monotonic() + self.hub.settings.idle_timeout
        self.regulate()

    def abort(self) -> None:
        """Cut the connection."""
        self.refused = True
        self.transport.abort()

    def end(self) -> None:
        """Close once what was written has left."""
        self.refused = True
        self.transport.close()

    def become_tunnel(self, upstream: Upstream) -> None:
        """Pass everything on unread."""
        self.tunnel = upstream
        self.awaits_tunnel = False
        early, self.early = b"".join(self.early), []
        if early:
            upstream.write(early)
        self.regulate()

    # limits

    def refuse(self, status: int, message: str) -> None:
        """Refuse what cannot be read; the connection cannot go on."""
        if self.refused:
            return
        self.refused = True
        if self.current is None:
            answer = Answer(status, "BadRequest", message)
            self.write(answers.encode(answer, head_only=False, close=True))
            self.transport.close()

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        for exchange in (self.current, *self.queue):
            if exchange is not None:
                exchange.expire(now)
        if self.deadline is None or now < self.deadline or self.current is not None:
            return
        if self.head_open:
            self.refuse(408, "The request's head did not come in time.")
        else:
            self.refused = True
            self.transport.close()

    def drain(self) -> None:
        """End a connection that carries nothing; one that does ends with its answer."""
        if self.current is None and not self.head_open:
            self.refused = True
            self.transport.close()


def log_access(exchange: Exchange, now: float) -> None:
    """Write one line about a request that is over."""
    request, throttler = exchange.request, exchange.throttler
    logger.debug(
        "answered",
        method=request.method.decode("latin-1"),
        host=request.host.decode("latin-1"),
        path=request.path.decode("latin-1"),
        status=exchange.status,
        revision=throttler.revision.key.name if throttler is not None else "",
        held=exchange.held,
        seconds=round(now - exchange.begun, 6),
    )
