"""SkyWalking's data: segments, spans and the sw8 header, as its trace protocol v3 writes them.

Pure values and their JSON; skywalking.py makes them, reporter.py sends them.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

COMPONENT = 5013  # OpenFunction, in SkyWalking's component-libraries.yml
LAYER = "FAAS"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span of another process is: what the sw8 header says."""

    trace_id: str
    segment_id: str
    span_id: int
    service: str
    instance: str
    endpoint: str
    peer: str
    sampled: bool = True

    @property
    def header(self) -> str:
        """The value of sw8 (cross-process propagation headers, version 3)."""
        texts = (self.service, self.instance, self.endpoint, self.peer)
        service, instance, endpoint, peer = map(_encoded, texts)
        sampled = "1" if self.sampled else "0"
        ids = f"{_encoded(self.trace_id)}-{_encoded(self.segment_id)}-{self.span_id}"
        return f"{sampled}-{ids}-{service}-{instance}-{endpoint}-{peer}"


@dataclass(slots=True)
class Span:
    """One span; times in milliseconds since the epoch. The entry is number 0."""

    number: int
    operation: str
    kind: Literal["Entry", "Exit"]
    start: int
    end: int = 0
    peer: str = ""
    failed: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    logs: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@dataclass(slots=True)
class Segment:
    """What one process did in a trace: one call of a function."""

    trace_id: str
    segment_id: str
    service: str
    instance: str
    spans: list[Span]
    parent: Place | None = None

    def document(self) -> dict[str, Any]:
        """The segment as JSON of `/v3/segments`; the entry span stands last, as it ends last."""
        return {
            "traceId": self.trace_id,
            "traceSegmentId": self.segment_id,
            "service": self.service,
            "serviceInstance": self.instance,
            "spans": [self._span(span) for span in (*self.spans[1:], self.spans[0])],
        }

    def _span(self, span: Span) -> dict[str, Any]:
        refs = [_reference(self.parent)] if span.kind == "Entry" and self.parent is not None else []
        return {
            "spanId": span.number,
            "parentSpanId": -1 if span.number == 0 else 0,
            "operationName": span.operation,
            "spanType": span.kind,
            "spanLayer": LAYER,
            "componentId": COMPONENT,
            "startTime": span.start,
            "endTime": span.end,
            "peer": span.peer,
            "isError": span.failed,
            "tags": _pairs(span.tags),
            "logs": [{"time": time, "data": _pairs(data)} for time, data in span.logs],
            "refs": refs,
        }


def parse(header: str) -> Place | None:
    """The place that an sw8 header names; None for a header that is none."""
    parts = header.strip().split("-")
    if len(parts) != 8 or parts[0] not in {"0", "1"}:
        return None
    try:
        trace_id, segment_id, service, instance, endpoint, peer = map(_decoded, (*parts[1:3], *parts[4:]))
        return Place(
            trace_id, segment_id, int(parts[3]), service, instance, endpoint, peer, sampled=parts[0] == "1"
        )
    except ValueError:
        return None


def correlation(values: Mapping[str, str]) -> str:
    """The value of sw8-correlation: baggage that travels with the trace."""
    return ",".join(f"{_encoded(key)}:{_encoded(value)}" for key, value in values.items())


def parse_correlation(header: str) -> dict[str, str]:
    """The baggage of an sw8-correlation header; what cannot be read is left out."""
    found = {}
    for pair in header.split(","):
        key, _, value = pair.partition(":")
        try:
            found[_decoded(key)] = _decoded(value)
        except ValueError:
            continue
    found.pop("", None)
    return found


def _reference(parent: Place) -> dict[str, Any]:
    return {
        "refType": "CrossProcess",
        "traceId": parent.trace_id,
        "parentTraceSegmentId": parent.segment_id,
        "parentSpanId": parent.span_id,
        "parentService": parent.service,
        "parentServiceInstance": parent.instance,
        "parentEndpoint": parent.endpoint,
        "networkAddressUsedAtPeer": parent.peer,
    }


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return b64decode(text, validate=True).decode()
