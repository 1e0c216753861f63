"""SkyWalking: one segment per call, an entry span for the function and an exit span for each thing it sends.

It sends nothing itself; the protocol is `/v3/segments` of the collector's HTTP port.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from functions_framework import clock, exits
from functions_framework.calls.outcomes import Outcome
from functions_framework.invocation import Invocation, Trace
from functions_framework.tracing import segments
from functions_framework.tracing.reporter import Reporter
from functions_framework.tracing.segments import Place, Segment, Span

if TYPE_CHECKING:
    from functions_framework.context.document import Tracing

_GRPC_PORT, _HTTP_PORT = 11800, 12800
_MARK = "skywalking"
_KINDS = {"topic": "pubsub", "binding": "bindings"}


def make(wanted: Tracing | None, environ: Mapping[str, str], *, name: str) -> SkyWalking:
    """The tracer that a context or SW_AGENT_* describes; raises StartError InvalidContext without an address."""
    server = wanted.provider.oap_server if wanted is not None else ""
    tags = dict(wanted.tags) if wanted is not None else {}

    def instance() -> str:
        given = tags.get("instance") or environ.get("SW_AGENT_INSTANCE_NAME") or environ.get("POD_NAME")
        return given or f"{name}@{os.uname().nodename}"

    return SkyWalking(
        address(server or environ.get("SW_AGENT_COLLECTOR_BACKEND_SERVICES", "")),
        service=environ.get("SW_AGENT_NAME") or name,
        instance=instance,
        tags=tags,
        baggage=dict(wanted.baggage) if wanted is not None else {},
    )


def address(server: str) -> str:
    """The collector's HTTP address.

    `host:11800` is what manifests name, the gRPC port; the same collector takes HTTP at 12800.
    """
    text = server.split(",", maxsplit=1)[0].strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port or _HTTP_PORT
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.scheme not in {"http", "https"}:
        raise exits.StartError(
            "InvalidContext",
            f"the tracing provider skywalking has the oapServer {server!r}; set host:port of the collector",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{_HTTP_PORT if port == _GRPC_PORT else port}{parts.path}"


class SkyWalking:
    """Implements tracing.Tracer."""

    def __init__(
        self,
        url: str,
        *,
        service: str,
        instance: Callable[[], str],
        tags: Mapping[str, str],
        baggage: Mapping[str, str],
    ) -> None:
        """Report to the collector at this URL; who this instance is, is asked once it serves."""
        self._reporter = Reporter(url)
        self._service = service
        self._name_instance = instance
        self._instance = ""
        self._tags = tags
        self._baggage = baggage

    def start(self) -> None:
        """Begin to report."""
        self._instance = self._instance or self._name_instance()
        self._reporter.start()

    def stop(self) -> None:
        """Report what is left."""
        self._reporter.stop()

    def begin(self, call: Invocation) -> None:
        """Note when it began; the caller's trace is known once the argument has been read."""
        call.marks[_MARK] = clock.wall_milliseconds()
        call.sender = self._sending
        call.wraps = True

    def enter(self, call: Invocation) -> Callable[[], None]:
        """Make the segment, once."""
        self._segment(call)
        return _nothing

    def end(self, call: Invocation, *, status: int, outcome: Outcome) -> None:
        """Finish the entry span and hand the segment over."""
        segment = self._segment(call)
        entry = segment.spans[0]
        entry.end = clock.wall_milliseconds()
        entry.tags["status_code"] = str(status)
        if outcome in {"user_error", "framework_error", "timeout"}:
            entry.failed = True
            if call.error is not None:
                entry.logs.append((entry.end, _described(call.error)))
        if segment.parent is None or segment.parent.sampled:
            self._reporter.put(segment.document())

    def _segment(self, call: Invocation) -> Segment:
        found = call.marks[_MARK]
        if isinstance(found, Segment):
            return found
        self.start()  # a program without start hooks, as a test's
        parent = segments.parse(call.carried("sw8") or "")
        segment = Segment(
            trace_id=os.urandom(16).hex() if parent is None else parent.trace_id,
            segment_id=os.urandom(16).hex(),
            service=self._service,
            instance=self._instance,
            spans=[Span(0, self._service, "Entry", start=found, tags=self._entry_tags(call))],
            parent=parent,
        )
        call.marks[_MARK] = segment
        call.trace = Trace(segment.trace_id, segment.segment_id[:16])
        call.marks["sw8-correlation"] = {
            **self._baggage,
            **segments.parse_correlation(call.carried("sw8-correlation") or ""),
        }
        return segment

    def _entry_tags(self, call: Invocation) -> dict[str, str]:
        asked = call.request
        where = f"{asked.headers.get('host', '')}{asked.path}"
        kind = _KINDS.get(call.trigger)
        own = (
            {"http.method": asked.method, "url": where}
            if kind is None
            else {"runtime": "Async", "component.type": kind}
        )
        return {**own, **self._tags, "invocation.id": call.id}

    @contextmanager
    def _sending(self, call: Invocation, operation: str, peer: str) -> Iterator[Mapping[str, str]]:
        segment = self._segment(call)
        span = Span(len(segment.spans), operation, "Exit", start=clock.wall_milliseconds(), peer=peer)
        segment.spans.append(span)
        try:
            yield self._headers(call, segment, span)
        except Exception as error:
            span.failed = True
            span.logs.append((clock.wall_milliseconds(), _described(error)))
            raise
        finally:
            span.end = clock.wall_milliseconds()

    def _headers(self, call: Invocation, segment: Segment, span: Span) -> dict[str, str]:
        entry, parent = segment.spans[0], segment.parent
        place = Place(
            segment.trace_id, segment.segment_id, span.number, self._service, self._instance,
            entry.operation, span.peer, sampled=parent is None or parent.sampled,
        )  # fmt: skip
        baggage: dict[str, str] = call.marks["sw8-correlation"]
        more = {"sw8-correlation": segments.correlation(baggage)} if baggage else {}
        return {"sw8": place.header, **more}


def _described(error: BaseException) -> dict[str, Any]:
    return {"event": "error", "error.kind": type(error).__name__, "message": str(error)}


def _nothing() -> None:
    """Nothing was set, so nothing is undone."""
