"""OpenTelemetry: spans at an OTLP collector, traces in and out over headers and events, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import exits, invocation, testing
from functions_framework.context import document
from functions_framework.dapr.port import Ask, T
from functions_framework.request import Request
from functions_framework.tracing import opentelemetry, tracer
from tests.framework.collector import Collector, collecting
from tests.framework.conftest import Program
from tests.framework.http import Client
from tests.framework.loaded import module, served

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
HELLO = """
import functions_framework as ff
from opentelemetry import trace

@ff.http
{kind} hello(request):
    with trace.get_tracer("user").start_as_current_span("work"):
        with ff.current_invocation().sending("orders", peer="queue") as headers:
            pass
    if request.path == "/zero":
        1 / 0
    return {**headers, "own": ff.current_invocation().trace.span_id}
"""


@pytest.fixture
def otlp() -> Iterator[Collector]:
    """A collector."""
    with collecting() as made:
        yield made


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK lets a process set its provider once; each test is a new process to it."""
    from opentelemetry import trace  # noqa: PLC0415  # of the extra
    from opentelemetry.util._once import Once  # noqa: PLC0415

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


def context(endpoint: str, **exporter: str) -> str:
    """A FUNC_CONTEXT_V1BETA2 with OpenTelemetry switched on."""
    tracing = {
        "enabled": True,
        "provider": {"name": "opentelemetry", "exporter": {"name": "otlp", "endpoint": endpoint, **exporter}},
        "tags": {"layer": "faas"},
        "baggage": {"tenant": "blue"},
    }
    return json.dumps({"name": "hello", "version": "v1", "triggers": {"http": {}}, "tracing": tracing})


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_request_gives_a_tree_of_spans_below_its_callers(
    tmp_path: Path, otlp: Collector, kind: str
) -> None:
    env = {
        "FUNC_CONTEXT_V1BETA2": context(
            otlp.address, headers="x-key=secret,x-other=2", compression="gzip", timeout="5s"
        )
    }
    async with served(tmp_path, HELLO.replace("{kind}", kind), env=env) as at:
        reply = await at.ask(
            "/a",
            headers=f"traceparent: {PARENT}\r\ntracestate: a=1\r\nbaggage: user=me\r\nx-request-id: r-1\r\n",
        )
    spans = {span.name: span for span in otlp.spans(3)}
    call, work, sent = spans["hello"], spans["work"], spans["orders"]
    assert {span.trace_id for span in spans.values()} == {TRACE}
    assert [call.parent, work.parent, sent.parent] == [SPAN, call.span_id, work.span_id]
    assert [span.data.kind for span in (call, work, sent)] == [2, 1, 4]  # server, internal, producer
    assert call.attributes.items() >= {
        "faas.name": "hello", "faas.trigger": "http", "faas.coldstart": True, "faas.invocation_id": "r-1",
        "http.request.method": "GET", "url.path": "/a", "layer": "faas", "http.response.status_code": 200,
    }.items()  # fmt: skip
    assert call.resource["service.name"] == "hello"
    assert (call.received.path, call.received.headers["x-key"]) == ("/v1/traces", "secret")
    assert reply.json["own"] == call.span_id
    assert reply.json["traceparent"] == f"00-{TRACE}-{sent.span_id}-01"
    assert reply.json["tracestate"] == "a=1"
    assert set(reply.json["baggage"].split(",")) == {"user=me", "tenant=blue"}


async def test_the_environment_of_the_sdk_switches_it_on(tmp_path: Path, otlp: Collector) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{otlp.address}",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "zone=a",
    }
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        await at.ask("/")
        await at.ask("/")
    spans = [span for span in otlp.spans(6) if span.name == "hello"]
    assert [(span.resource["service.name"], span.resource["zone"]) for span in spans] == [("shop", "a")] * 2
    assert [span.attributes["faas.coldstart"] for span in spans] == [True, False]
    assert len({span.trace_id for span in spans}) == 2


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_an_error_is_in_the_span(tmp_path: Path, otlp: Collector, kind: str) -> None:
    env = {"FUNC_CONTEXT_V1BETA2": context(otlp.address)}
    async with served(tmp_path, HELLO.replace("{kind}", kind), env=env) as at:
        assert (await at.ask("/zero")).status == 500
    (call,) = [span for span in otlp.spans(3) if span.name == "hello"]
    assert (call.data.status.code, call.data.status.message) == (2, "ZeroDivisionError: division by zero")
    assert call.data.events[0].name == "exception"
    assert call.attributes["openfunction.outcome"] == "user_error"


EVENT = "import functions_framework as ff\n@ff.cloud_event\ndef hello(event): pass\n"
HEAD = "ce-id: 7\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\n"
DOCUMENT = {"specversion": "1.0", "id": "7", "source": "/s", "type": "t", "traceparent": PARENT}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (f"{HEAD}ce-traceparent: {PARENT}\r\n", b""),
        (f"{HEAD}traceparent: {PARENT}\r\n", b""),
        ("content-type: application/cloudevents+json\r\n", json.dumps(DOCUMENT).encode()),
    ],
    ids=["binary extension", "header", "structured extension"],
)
async def test_an_event_carries_its_trace(tmp_path: Path, otlp: Collector, headers: str, body: bytes) -> None:
    env = {"FUNC_CONTEXT_V1BETA2": context(otlp.address)}
    async with served(tmp_path, EVENT, env=env) as at:
        await at.ask("/", method="POST", headers=headers, body=body)
        await at.ask("/", method="POST")
    call, refused = otlp.spans(2)
    assert (call.trace_id, call.parent, call.data.kind) == (TRACE, SPAN, 5)  # consumer
    assert (
        call.attributes.items()
        >= {"cloudevents.event_id": "7", "cloudevents.event_type": "t", "faas.trigger": "pubsub"}.items()
    )
    assert refused.attributes["http.response.status_code"] == 400


async def test_a_trace_passes_through_a_function_without_a_tracer(tmp_path: Path) -> None:
    text = """
import functions_framework as ff

@ff.before
def nothing(call): pass

@ff.http
def hello(request):
    with ff.current_invocation().sending("x", peer="y") as headers:
        return dict(headers)
"""
    async with served(tmp_path, text) as at:
        with_trace = await at.ask("/", headers=f"traceparent: {PARENT}\r\ntracestate: a=1\r\n")
        without = await at.ask("/", headers="traceparent: 00-0-0-0\r\n")
    assert with_trace.json == {"traceparent": PARENT, "tracestate": "a=1"}
    assert without.json == {}


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (PARENT, True),
        (f"01-{TRACE}-{SPAN}-00-more", True),
        (f"00-{TRACE}-{SPAN}-00-more", False),
        (f"ff-{TRACE}-{SPAN}-00", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (PARENT.upper(), False),
    ],
)
def test_what_a_traceparent_is(value: str, *, valid: bool) -> None:
    assert (invocation.parse(value) is not None) is valid


def test_an_invocation_without_tracing_has_its_callers_trace_and_id() -> None:
    asked = Request("GET", b"/", ((b"traceparent", PARENT.encode()), (b"x-request-id", b"a b")), b"")
    call = invocation.Invocation("f", trigger="http", request=asked, started=0.0)
    assert call.trace == invocation.Trace(TRACE, SPAN)
    assert len(call.id) == 32  # an id with a space could break a log line


def _context(**tracing: Any) -> document.Context:
    return document.parse(
        json.dumps({"name": "f", "triggers": {"http": {}}, "tracing": {"enabled": True, **tracing}})
    )


@pytest.mark.parametrize(
    ("tracing", "words"),
    [
        ({"provider": {"name": "zipkin"}}, "'zipkin' is not known; use opentelemetry or skywalking"),
        (
            {"provider": {"name": "opentelemetry", "exporter": {"protocol": "grpc", "endpoint": "x"}}},
            "http/protobuf",
        ),
        ({"provider": {"name": "opentelemetry", "exporter": {"timeout": "soon", "endpoint": "x"}}}, "'soon'"),
        (
            {"provider": {"name": "opentelemetry", "exporter": {"compression": "zstd", "endpoint": "x"}}},
            "'zstd'",
        ),
        ({"provider": {"name": "skywalking"}}, "oapServer"),
    ],
)
def test_a_provider_that_cannot_be_is_refused(tracing: dict[str, Any], words: str) -> None:
    with pytest.raises(exits.StartError, match=words) as caught:
        tracer(_context(**tracing), {}, name="f")
    assert caught.value.reason == "InvalidContext"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("otel:4318", "http://otel:4318/v1/traces"),
        ("http://otel:4318", "http://otel:4318/v1/traces"),
        ("http://otel:4318/", "http://otel:4318/v1/traces"),
        ("https://otel/in/traces", "https://otel/in/traces"),
    ],
)
def test_an_endpoint_is_completed(given: str, url: str) -> None:
    assert opentelemetry.endpoint(given) == url


@pytest.mark.parametrize(("text", "value"), [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("1.5", 1.5)])
def test_a_timeout_has_a_unit(text: str, value: float) -> None:
    assert opentelemetry.seconds(text) == value


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_the_environment_switches_it_off(tmp_path: Path, off: dict[str, str]) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **off}
    with module(tmp_path, EVENT, **env) as program:
        assert program.stops == ()


SENDING = """
import functions_framework as ff

@ff.openfunction
def publish(context):
    context.send("target", {"fruit": "pear"})
    return context.return_on_success()
"""


class Sidecar(testing.Dapr):
    """A fake that keeps what it was asked, headers and all."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Ask[Any]] = []

    def call(self, ask: Ask[T]) -> T:
        self.questions.append(ask)
        return super().call(ask)


def test_what_is_sent_through_dapr_carries_the_trace(tmp_path: Path, otlp: Collector) -> None:
    (tmp_path / "publish.py").write_text(SENDING)
    tracing = {"enabled": True, "provider": {"name": "opentelemetry", "exporter": {"endpoint": otlp.address}}}
    orders = {"uri": "orders", "componentName": "queue", "componentType": "pubsub.kafka"}
    told = {
        "name": "publish", "version": "v1", "runtime": "Async", "pluginsTracing": tracing,
        "inputs": {"in": {**orders, "uri": "in"}}, "outputs": {"target": orders},
    }  # fmt: skip
    sidecar = Sidecar()
    with testing.load(tmp_path / "publish.py", context=told, dapr=sidecar) as client:
        assert client.topic("in", {"any": 1}, traceparent=PARENT).verdict == "SUCCESS"
        (sent,) = client.dapr.sent
    spans = {span.name: span for span in otlp.spans(2)}
    call, out = spans["publish"], spans["orders"]
    assert (call.trace_id, call.parent, call.data.kind, out.parent) == (TRACE, SPAN, 5, call.span_id)
    assert sent.data == {"fruit": "pear"}
    assert [ask.headers["traceparent"] for ask in sidecar.questions] == [f"00-{TRACE}-{out.span_id}-01"]


async def test_a_process_that_is_told_to_end_exports_what_is_left(program: Any, otlp: Collector) -> None:
    started: Program = program(
        HELLO.replace("{kind}", "def"), "hello", FUNC_CONTEXT_V1BETA2=context(otlp.address)
    )
    client = await Client.open(started.port)
    assert (await client.ask("/")).status == 200
    client.close()
    assert started.stop() == 0
    assert {span.name for span in otlp.spans(3)} == {"hello", "work", "orders"}
