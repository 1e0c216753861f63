"""One connection to an instance: sends a request, parses the answer, and may be kept for the next.

Never decides what an answer means for the client; the `Receiver` does. Never reuses what the peer has closed.
"""

import asyncio
import socket
from typing import NamedTuple, Protocol, cast

import httptools

from openfunction_py.dataplane import answers
from openfunction_py.dataplane.requests import Headers
from openfunction_py.dataplane.throttler import Instance

SWITCHING = 101
MAX_HEAD = 1024 * 1024
PEEK = int(socket.MSG_PEEK) | int(socket.MSG_DONTWAIT)


class AnswerHead(NamedTuple):
    """Status line and headers of an instance's answer."""

    status: int
    phrase: bytes
    headers: Headers


class Receiver(Protocol):
    """Who is told about the answer."""

    head_request: bool

    def interim(self, head: AnswerHead) -> None:
        """A 1xx answer came."""

    def answered(self, head: AnswerHead, passed: answers.Passed) -> None:
        """The answer's head came."""

    def data(self, chunk: bytes) -> None:
        """A piece of the body came."""

    def flush(self) -> None:
        """Nothing more can be told for now."""

    def ended(self) -> None:
        """The answer is complete."""

    def switched(self, head: AnswerHead, rest: bytes) -> None:
        """The instance changed the protocol; what follows is not HTTP."""

    def broken(self, reason: str) -> None:
        """The connection ended or made no sense before the answer was complete."""

    def upstream_full(self, *, full: bool) -> None:
        """The instance takes data more slowly than it comes, or no longer."""


class Upstream(asyncio.Protocol):
    """A connection; `receiver` is set while it carries a request."""

    def __init__(self, instance: Instance, sock: socket.socket) -> None:
        self.instance = instance
        self.sock = sock
        self.receiver: Receiver | None = None
        self.transport: asyncio.Transport
        self.closed = False
        self.tunnel = False
        self.full = self.paused = False
        self.since = 0.0
        self.renew()

    def renew(self) -> None:
        """Forget the last answer."""
        self.parser = httptools.HttpResponseParser(self)
        self.phrase = b""
        self.headers: Headers = []
        self.head_size = 0
        self.passed: answers.Passed | None = None
        self.answering = False
        self.informing = False
        self.complete = False
        self.stray = False
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.transport = transport

    def usable(self) -> bool:
        """Tell whether the peer has left the connection open and quiet: a byte or an end to read means no."""
        if self.closed or self.transport.is_closing():
            return False
        try:
            self.sock.recv(1, PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def start(self, receiver: Receiver) -> None:
        """Begin a request."""
        self.receiver = receiver
        self.phrase = b""
        self.headers = []
        self.head_size = 0
        self.passed = None
        self.answering = self.complete = self.reusable = False

    def write(self, data: bytes) -> None:
        """Send a piece of the request."""
        self.transport.write(data)

    def pause(self, *, paused: bool) -> None:
        """Stop reading, or read on."""
        if paused is self.paused or self.closed or self.transport.is_closing():
            return
        self.paused = paused
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def release(self) -> None:
        """Carry no request any more."""
        self.receiver = None

    def close(self) -> None:
        """Give the connection up."""
        self.receiver = None
        if not self.closed:
            self.transport.abort()

    # what the transport tells

    def data_received(self, data: bytes) -> None:
        """Parse what came, or pass it on once the protocol was changed."""
        receiver = self.receiver
        if receiver is None:
            self.transport.abort()
        elif self.tunnel:
            receiver.data(data)
        else:
            self.parse(data, receiver)

    def parse(self, data: bytes, receiver: Receiver) -> None:
        """Feed the parser; the end of an answer is told after it has read everything."""
        if not self.answering:
            self.head_size += len(data)
            if self.head_size > MAX_HEAD:
                self.fail("its headers are too large")
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.switch(receiver, data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if not self.complete:
                self.fail(f"the instance's answer is not HTTP/1.1 ({error})")
                return
            self.stray = True
        if self.receiver is not receiver:
            return
        if self.complete:
            self.finish(receiver)
        else:
            receiver.flush()

    def finish(self, receiver: Receiver) -> None:
        """Tell the end; a connection that said more than it should is not kept."""
        self.reusable = self.reusable and not self.stray and not self.closed
        if receiver.head_request:
            self.parser = httptools.HttpResponseParser(self)
        receiver.ended()

    def switch(self, receiver: Receiver, rest: bytes) -> None:
        """Become a tunnel when the instance agreed to change the protocol."""
        self.tunnel = True
        receiver.switched(AnswerHead(SWITCHING, self.phrase, self.headers), rest)

    def fail(self, reason: str) -> None:
        """Give up a request whose answer cannot be completed."""
        receiver, self.receiver = self.receiver, None
        self.transport.abort()
        if receiver is not None:
            receiver.broken(reason)

    def eof_received(self) -> bool:
        """Close with the peer."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what ends with the connection, break what does not."""
        self.closed = True
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return
        until_close = self.passed is not None and self.passed.framing.until_close
        if self.tunnel or (until_close and exc is None):
            receiver.ended()
        elif self.answering:
            receiver.broken("the instance closed the connection in the middle of its answer")
        else:
            receiver.broken("the instance closed the connection without an answer")

    def pause_writing(self) -> None:
        """Slow the client down."""
        self.full = True
        if self.receiver is not None:
            self.receiver.upstream_full(full=True)

    def resume_writing(self) -> None:
        """Let the client go on."""
        self.full = False
        if self.receiver is not None:
            self.receiver.upstream_full(full=False)

    # what the parser tells

    def on_message_begin(self) -> None:
        """Begin an answer; one that nobody asked for spoils the connection."""
        self.stray = self.stray or self.complete
        self.phrase, self.headers = b"", []

    def on_status(self, phrase: bytes) -> None:
        """Collect the reason phrase."""
        self.phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; a trailer is dropped."""
        if not self.answering:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass the head on."""
        receiver, status = self.receiver, self.parser.get_status_code()
        if receiver is None or self.complete:
            self.stray = True
            return
        if status == SWITCHING:
            return
        head = AnswerHead(status, self.phrase, self.headers)
        self.informing = status < 200
        if self.informing:
            receiver.interim(head)
            return
        self.answering = True
        self.passed = answers.split(status, self.headers, head_request=receiver.head_request)
        self.reusable = self.parser.should_keep_alive() and not self.passed.framing.until_close
        receiver.answered(head, self.passed)
        if receiver.head_request:
            # llhttp cannot be told that an answer to HEAD has no body whatever its length says
            self.complete = True

    def on_body(self, chunk: bytes) -> None:
        """Pass a piece of the body on."""
        if self.complete:
            self.stray = True
        elif self.receiver is not None:
            self.receiver.data(chunk)

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        if self.informing:
            self.informing = False
        elif self.answering:
            self.complete = True


async def connect(instance: Instance) -> Upstream:
    """Open a connection to an instance.

    Raises:
        OSError: it does not listen.
    """
    loop = asyncio.get_running_loop()
    address, port = instance.endpoint
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, (address, port))
        _, upstream = await loop.create_connection(lambda: Upstream(instance, sock), sock=sock)
    except BaseException:
        sock.close()
        raise
    return upstream
