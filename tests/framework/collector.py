"""A small HTTP server that takes what a tracer exports and lets a test wait for it."""

from __future__ import annotations

import gzip
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request of an exporter."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Collector:
    """Where it listens, and what came."""

    port: int
    requests: queue.Queue[Received] = field(default_factory=queue.Queue)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def segments(self, count: int) -> list[dict[str, Any]]:
        """So many SkyWalking segments, in the order in which they came."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            received = self.requests.get(timeout=20)
            assert received.path == "/v3/segments"
            found += json.loads(received.body)
        return found

    def spans(self, count: int) -> list[Any]:
        """So many OTLP spans; each has its resource as `.resource`."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

        found: list[Any] = []
        while len(found) < count:
            received = self.requests.get(timeout=20)
            body = (
                gzip.decompress(received.body)
                if received.headers.get("content-encoding") == "gzip"
                else received.body
            )
            message = ExportTraceServiceRequest.FromString(body)
            found += [
                Span(
                    span, {each.key: each.value.string_value for each in group.resource.attributes}, received
                )
                for group in message.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            ]
        return found


@dataclass
class Span:
    """An OTLP span with its resource and the request that brought it."""

    data: Any
    resource: dict[str, str]
    received: Received

    @property
    def name(self) -> str:
        return str(self.data.name)

    @property
    def trace_id(self) -> str:
        return str(self.data.trace_id.hex())

    @property
    def span_id(self) -> str:
        return str(self.data.span_id.hex())

    @property
    def parent(self) -> str:
        return str(self.data.parent_span_id.hex())

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            each.key: getattr(each.value, each.value.WhichOneof("value")) for each in self.data.attributes
        }


@contextmanager
def collecting(*, status: int = 200) -> Iterator[Collector]:
    """A collector in threads; it answers everything with this status."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    made = Collector(server.server_address[1])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.requests.put(Received(self.path, headers, body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
