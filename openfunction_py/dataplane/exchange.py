"""One request and its answer, from the client's head to the last byte: placed, sent, streamed, ended.

Sends a request to at most one instance: once a byte of it was written it is answered or refused, never sent again.
"""

from collections.abc import Callable
from typing import Protocol

from openfunction_py.dataplane import answers, requests
from openfunction_py.dataplane.answers import Answer, Passed
from openfunction_py.dataplane.requests import Request
from openfunction_py.dataplane.settings import Settings
from openfunction_py.dataplane.throttler import Instance, Throttler
from openfunction_py.dataplane.upstream import AnswerHead, Upstream

COLD_START = b"x-ofn-cold-start: 1"


class Hub(Protocol):
    """What an exchange asks of the gateway."""

    settings: Settings
    held_bytes: int

    @property
    def monotonic(self) -> Callable[[], float]:
        """The time in seconds."""

    def dispatch(self, exchange: "Exchange") -> None:
        """Find a Revision and an instance for an exchange, or answer it."""

    def connect(self, exchange: "Exchange", instance: Instance) -> None:
        """Find or open a connection to an instance and attach the exchange to it."""

    def keep(self, upstream: Upstream) -> None:
        """Keep a connection for the next request."""


class Downstream(Protocol):
    """What an exchange asks of the client's connection."""

    peer: bytes

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this answer."""

    @property
    def full(self) -> bool:
        """Whether the client takes data more slowly than it comes."""

    def write(self, data: bytes) -> None:
        """Send to the client."""

    def regulate(self) -> None:
        """Read on from the client, or stop, as the buffers ask."""

    def done(self, exchange: "Exchange", *, close: bool) -> None:
        """The exchange is over; the connection goes on to the next request or ends."""

    def abort(self) -> None:
        """Cut the connection: an answer cannot be completed."""

    def end(self) -> None:
        """Close the connection once what was written has left."""

    def become_tunnel(self, upstream: Upstream) -> None:
        """Pass everything on unread from now on."""


class Exchange:
    """A request under way; a `Waiter` of the throttler and the `Receiver` of its upstream connection."""

    __slots__ = (
        "answer_begun", "begun", "body_complete", "buffer", "buffered", "chunks_out", "client",
        "close_after", "cold", "deadline", "discarded", "head_request", "held", "hub", "instance",
        "over", "pending", "prefix", "request", "status", "throttler", "tunnel", "upstream", "upstream_blocked",
    )  # fmt: skip

    def __init__(self, client: Downstream, request: Request, hub: Hub) -> None:
        self.client = client
        self.request = request
        self.hub = hub
        self.head_request = request.method == b"HEAD"
        self.prefix = ""
        self.buffer: list[bytes] = []
        self.pending: list[bytes] = []
        self.buffered = self.discarded = 0
        self.body_complete = False
        self.throttler: Throttler | None = None
        self.instance: Instance | None = None
        self.upstream: Upstream | None = None
        self.held = self.cold = self.over = self.tunnel = False
        self.answer_begun = self.chunks_out = self.close_after = self.upstream_blocked = False
        self.deadline: float | None = None
        self.begun = hub.monotonic()
        self.status = 0

    # the request's body

    @property
    def wants_more(self) -> bool:
        """Whether more of the request's body is wanted now."""
        if self.over:
            return self.discarded <= self.hub.settings.discard
        return not self.upstream_blocked and self.buffered < self.hub.settings.body_buffer

    @property
    def body_missing(self) -> bool:
        """Whether a body is announced and has not come whole."""
        return self.request.has_body and not self.body_complete

    def body(self, chunk: bytes) -> None:
        """Take a piece of the request's body."""
        if self.over:
            self.discarded += len(chunk)
        elif self.upstream is not None:
            self.upstream.write(answers.chunk(chunk) if self.request.chunked else chunk)
            return
        else:
            self.buffer.append(chunk)
            self.buffered += len(chunk)
            self.hub.held_bytes += len(chunk)
            if self.hub.held_bytes > self.hub.settings.held_bytes:
                self.refuse_full()
        self.client.regulate()

    def body_done(self) -> None:
        """Note that the request is complete."""
        self.body_complete = True
        if self.over:
            self.client.done(self, close=self.close_after)
        elif self.upstream is not None and self.request.chunked:
            self.upstream.write(answers.LAST_CHUNK)

    def forget_buffer(self) -> list[bytes]:
        """Return what was buffered of the body and count it no more."""
        buffer, self.buffer = self.buffer, []
        self.hub.held_bytes -= self.buffered
        self.buffered = 0
        return buffer

    # finding an instance

    def place(self, instance: Instance) -> None:
        """Take the slot of an instance."""
        self.instance = instance
        self.hub.connect(self, instance)

    def give_back(self) -> None:
        """Give the slot back; whoever waits gets it."""
        instance, self.instance = self.instance, None
        if instance is not None and self.throttler is not None:
            self.throttler.give_back(instance, self.hub.monotonic())

    def unreachable(self) -> None:
        """Look for another instance: nothing was written to this one."""
        instance = self.instance
        if instance is not None and self.throttler is not None:
            self.throttler.suspect(instance, self.hub.monotonic() + self.hub.settings.suspect)
        self.give_back()
        if not self.over:
            self.hub.dispatch(self)

    def attach(self, upstream: Upstream) -> None:
        """Send the request on a connection."""
        if self.request.expects and self.body_missing and not self.buffer:
            self.client.write(answers.CONTINUE)
        self.upstream = upstream
        timeout = self.throttler.revision.timeout if self.throttler is not None else 0.0
        self.deadline = self.hub.monotonic() + timeout + self.hub.settings.answer_slack
        upstream.start(self)
        upstream.pause(paused=self.client.full)
        head = requests.encode(self.request, peer=self.client.peer, prefix=self.prefix)
        chunks = self.forget_buffer()
        if self.request.chunked:
            chunks = [answers.chunk(chunk) for chunk in chunks]
            if self.body_complete:
                chunks.append(answers.LAST_CHUNK)
        upstream.write(b"".join((head, *chunks)))
        self.upstream_blocked = upstream.full
        self.client.regulate()

    # the answer

    def interim(self, head: AnswerHead) -> None:
        """Pass an interim answer on to a client that knows them."""
        if self.request.version == "1.1" and head.status != 100:
            lines = [b"%b: %b" % header for header in head.headers]
            self.client.write(answers.open_head(head.status, head.phrase, lines))

    def answered(self, head: AnswerHead, passed: Passed) -> None:
        """Send the answer's head to the client in its own framing."""
        self.answer_begun = True
        self.deadline = None
        self.status = head.status
        lines, framing = passed
        old = self.request.version != "1.1"
        if not framing.bodiless and framing.length is None:
            self.chunks_out = not old
            self.close_after = old
            if not old:
                lines.append(b"transfer-encoding: chunked")
        if self.cold:
            lines.append(COLD_START)
        self.close_after = self.close_after or self.client.closing or not self.request.keep_alive
        if self.close_after:
            lines.append(b"connection: close")
        elif old:
            lines.append(b"connection: keep-alive")
        self.pending.append(answers.open_head(head.status, head.phrase, lines))

    def data(self, chunk: bytes) -> None:
        """Send a piece of the answer's body, or of what comes through a tunnel."""
        if self.tunnel:
            self.client.write(chunk)
        else:
            self.pending.append(answers.chunk(chunk) if self.chunks_out else chunk)

    def flush(self) -> None:
        """Send what has come of the answer in one write: a write is what costs most here."""
        if self.pending:
            data = self.pending[0] if len(self.pending) == 1 else b"".join(self.pending)
            self.pending.clear()
            self.client.write(data)

    def client_full(self, *, full: bool) -> None:
        """Slow the instance down while the client is slow."""
        if self.upstream is not None:
            self.upstream.pause(paused=full)

    def ended(self) -> None:
        """Finish a complete answer."""
        if self.tunnel:
            self.finish()
            self.client.end()
            return
        if self.chunks_out:
            self.pending.append(answers.LAST_CHUNK)
        self.flush()
        self.finish()
        self.leave_client()

    def leave_client(self) -> None:
        """Let the client's connection go on, once its request was read to the end."""
        if self.body_complete:
            self.client.done(self, close=self.close_after)
        else:
            self.deadline = self.hub.monotonic() + self.hub.settings.head_timeout
            self.client.regulate()

    def switched(self, head: AnswerHead, rest: bytes) -> None:
        """Open the tunnel that client and instance agreed on."""
        if not self.request.upgrade:
            self.broken("the instance changed the protocol although nobody asked it to")
            return
        self.answer_begun = self.tunnel = True
        self.deadline = None
        self.status = head.status
        upstream = self.upstream
        assert upstream is not None  # noqa: S101 # only an attached upstream calls
        lines = [b"%b: %b" % header for header in head.headers]
        self.client.write(answers.open_head(head.status, head.phrase, lines) + rest)
        self.client.become_tunnel(upstream)

    def broken(self, reason: str) -> None:
        """Say that the instance failed; what was sent is never sent again."""
        self.fail(
            Answer(
                502,
                "InstanceFailed",
                f"The function did not complete its answer: {reason}. It was not sent again.",
            )
        )

    def upstream_full(self, *, full: bool) -> None:
        """Slow the client down while the instance is slow."""
        self.upstream_blocked = full
        self.client.regulate()

    # ends

    def finish(self) -> None:
        """Let go of instance, connection and place in the queue; idempotent."""
        self.over = True
        self.deadline = None
        self.forget_buffer()
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            if upstream.reusable and self.body_complete and not self.tunnel:
                upstream.release()
                upstream.pause(paused=False)
                self.hub.keep(upstream)
            else:
                upstream.close()
        if self.throttler is not None:
            self.throttler.forget(self, self.hub.monotonic())
        self.give_back()

    def fail(self, answer: Answer) -> None:
        """Answer in the instance's place, or cut an answer that has begun."""
        if self.over:
            return
        begun = self.answer_begun
        self.finish()
        if begun:
            self.client.abort()
        else:
            self.respond(answer)

    def respond(self, answer: Answer) -> None:
        """Send an answer of the gateway itself."""
        self.over = self.answer_begun = True
        self.status = answer.status
        self.close_after = self.client.closing or not self.request.keep_alive or self.body_missing
        self.client.write(answers.encode(answer, head_only=self.head_request, close=self.close_after))
        self.leave_client()

    def reply(self, document: bytes) -> None:
        """Answer with a JSON document of the gateway's own."""
        self.over = self.answer_begun = True
        self.status = 200
        self.close_after = self.client.closing or not self.request.keep_alive or self.body_missing
        self.client.write(
            answers.page(
                200, document, kind="application/json", head_only=self.head_request, close=self.close_after
            )
        )
        self.leave_client()

    def refuse_full(self) -> None:
        """Refuse a request for which there is no room to wait."""
        message = "Too many requests wait for this function already. Try again in a moment."
        self.fail(Answer(503, "QueueFull", message, self.hub.settings.retry_after))

    def expire(self, now: float) -> None:
        """Give up when the deadline has passed."""
        if self.deadline is None or now < self.deadline:
            return
        if self.over:
            self.client.abort()
        elif self.upstream is not None:
            message = "The function did not answer in time (spec.serving.triggers.http.timeoutSeconds)."
            self.fail(Answer(504, "Timeout", message))
        else:
            self.fail(self.overdue())

    def overdue(self) -> Answer:
        """Return the answer to a request that waited too long, with what is known about why."""
        retry = self.hub.settings.retry_after
        if self.throttler is None:
            message = (
                "The gateway knows no function at this address, and the control plane does not answer, so there may be "
                "one. See `ofn status`."
            )
            return Answer(503, "NoRouteTable", message, retry)
        hint = self.throttler.revision.trouble or "See `ofn describe` and `ofn logs`."
        return Answer(503, "NoInstance", f"No instance of the function became ready in time. {hint}", retry)
