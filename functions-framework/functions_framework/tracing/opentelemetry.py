"""OpenTelemetry: a span per call and per thing it sends, exported over OTLP/HTTP by the SDK.

The SDK's provider is made in the process that serves, and is the global one, so spans of the user's own join in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from functions_framework import clock, exits
from functions_framework.calls.outcomes import Outcome
from functions_framework.invocation import Invocation, Trace, carrying

try:
    from opentelemetry import baggage, context, trace
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as _missing:
    raise exits.StartError(
        "OptionalMissing",
        "tracing with OpenTelemetry needs the extra tracing; add openfunction-functions-framework[tracing] to "
        f"requirements.txt ({_missing})",
    ) from _missing

if TYPE_CHECKING:
    from functions_framework.context.document import Exporter, Tracing

_MARK = "opentelemetry"
_TRIGGERS = {"topic": "pubsub", "cloudevent": "pubsub", "binding": "datasource"}
_WORDS = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()


def make(wanted: Tracing | None, environ: Mapping[str, str], *, name: str) -> OpenTelemetry:
    """The tracer that a context or OTEL_* describes; raises StartError InvalidContext for what cannot be read."""
    exporter = None if wanted is None else wanted.provider.exporter
    options = {} if exporter is None else _options(exporter)
    return OpenTelemetry(
        options,
        service=environ.get("OTEL_SERVICE_NAME") or name,
        tags=dict(wanted.tags) if wanted is not None else {},
        bags=dict(wanted.baggage) if wanted is not None else {},
    )


def _options(exporter: Exporter) -> dict[str, Any]:
    """What the context says, as arguments of the SDK's exporter; the environment fills in the rest."""
    if exporter.protocol and "http" not in exporter.protocol:
        raise exits.StartError(
            "InvalidContext",
            f"the tracing exporter has the protocol {exporter.protocol!r}; use http/protobuf and the collector's "
            "HTTP port, 4318 unless it says otherwise",
        )
    found: dict[str, Any] = {}
    if exporter.endpoint:
        found["endpoint"] = endpoint(exporter.endpoint)
    if exporter.headers:
        found["headers"] = dict(_pair(part) for part in exporter.headers.split(",") if part.strip())
    if exporter.compression:
        found["compression"] = _compression(exporter.compression)
    if exporter.timeout:
        found["timeout"] = seconds(exporter.timeout)
    return found


def _compression(text: str) -> Compression:
    try:
        return Compression(text.lower())
    except ValueError as error:
        raise exits.StartError(
            "InvalidContext", f"the tracing exporter has the compression {text!r}; use gzip, deflate or none"
        ) from error


def endpoint(text: str) -> str:
    """The URL of a collector's traces; `host:4318` and a URL without path are completed, as OTEL_* are."""
    url = text if "://" in text else f"http://{text}"
    host = url.partition("://")[2]
    return url if "/" in host.rstrip("/") else f"{url.rstrip('/')}/v1/traces"


def seconds(text: str) -> float:
    """A timeout such as `10s`, `500ms` or `10`; raises StartError InvalidContext."""
    for suffix, unit in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0)):
        number = text.strip().removesuffix(suffix) if suffix else text.strip()
        if text.strip().endswith(suffix) and number.replace(".", "", 1).isdigit():
            return float(number) * unit
    raise exits.StartError(
        "InvalidContext", f"the tracing exporter has the timeout {text!r}; write it as 10s or 500ms"
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=" if "=" in text else ":")
    return name.strip(), value.strip()


class OpenTelemetry:
    """Implements tracing.Tracer."""

    def __init__(
        self, options: Mapping[str, Any], *, service: str, tags: Mapping[str, str], bags: Mapping[str, str]
    ) -> None:
        self._options = options
        self._service = service
        self._tags = tags
        self._bags = bags
        self._provider: TracerProvider | None = None
        self._cold = True

    def start(self) -> None:
        """Make the provider and its exporting thread; a second call changes nothing."""
        if self._provider is None:
            # OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER are read by the SDK itself.
            self._provider = TracerProvider(resource=Resource.create({"service.name": self._service}))
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**self._options)))
            trace.set_tracer_provider(self._provider)

    def stop(self) -> None:
        """Export what is left."""
        if self._provider is not None:
            self._provider.shutdown()

    def begin(self, call: Invocation) -> None:
        """Note when it began; the caller's trace is known once the argument has been read."""
        call.marks[_MARK] = clock.wall_nanoseconds()
        call.sender = self._sending

    def enter(self, call: Invocation) -> Callable[[], None]:
        """Make the call's span the current one, as the SDK and the user's own spans see it."""
        token = context.attach(self._scope(call))
        return lambda: context.detach(token)

    def end(self, call: Invocation, *, status: int, outcome: Outcome) -> None:
        """Finish the span."""
        span = trace.get_current_span(self._scope(call))
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("openfunction.outcome", outcome)
        if outcome in {"user_error", "framework_error", "timeout"}:
            if call.error is not None:
                span.record_exception(call.error)
            text = f"{type(call.error).__name__}: {call.error}" if call.error is not None else outcome
            span.set_status(trace.Status(trace.StatusCode.ERROR, text))
        span.end()

    def _scope(self, call: Invocation) -> context.Context:
        """The call's context with its span, made once."""
        found = call.marks[_MARK]
        if isinstance(found, context.Context):
            return found
        parent = _parent(call)
        for name, value in self._bags.items():
            parent = baggage.set_baggage(name, value, parent)
        span = self._tracer().start_span(
            call.function,
            context=parent,
            kind=trace.SpanKind.CONSUMER if call.trigger in _TRIGGERS else trace.SpanKind.SERVER,
            attributes=self._attributes(call),
            start_time=found,
        )
        place = span.get_span_context()
        call.trace = Trace(
            f"{place.trace_id:032x}", f"{place.span_id:016x}", place.trace_flags.sampled,
            place.trace_state.to_header(),
        )  # fmt: skip
        scope: context.Context = trace.set_span_in_context(span, parent)
        call.marks[_MARK] = scope
        return scope

    def _tracer(self) -> trace.Tracer:
        self.start()  # a program without start hooks, as a test's
        if self._provider is None:  # never: start has made it
            return trace.get_tracer("functions_framework")
        return self._provider.get_tracer("functions_framework")

    def _attributes(self, call: Invocation) -> dict[str, str | bool]:
        """Semantic conventions for functions as a service, HTTP and CloudEvents."""
        found: dict[str, str | bool] = {
            "faas.name": call.function,
            "faas.invocation_id": call.id,
            "faas.trigger": _TRIGGERS.get(call.trigger, "http"),
            "faas.coldstart": self._cold,
            "http.request.method": call.request.method,
            "url.path": call.request.path,
        }
        self._cold = False
        event = call.event
        if event is not None:
            found |= {
                f"cloudevents.event_{name}": str(event.get(name, "")) for name in ("id", "source", "type")
            }
        return {**found, **self._tags}

    @contextmanager
    def _sending(self, call: Invocation, operation: str, peer: str) -> Iterator[Mapping[str, str]]:
        scope = self._scope(call)
        # A span of the user's that is open here is the nearer parent.
        here = context.get_current() if trace.get_current_span().get_span_context().is_valid else scope
        with self._tracer().start_as_current_span(
            operation,
            context=here,
            kind=trace.SpanKind.PRODUCER,
            attributes={"server.address": peer, "messaging.operation.type": "send"},
        ):
            headers: dict[str, str] = {}
            _WORDS.inject(headers)
            _BAGGAGE.inject(headers)
            yield headers


def _parent(call: Invocation) -> context.Context:
    """The caller's span and baggage."""
    given = call.trace
    words = {} if given is None else carrying(given)
    bags = call.carried("baggage")
    found = _WORDS.extract(words, context.Context())
    return found if bags is None else _BAGGAGE.extract({"baggage": bags}, found)
