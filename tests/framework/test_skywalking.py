"""SkyWalking: the expected span tree at a collector, over HTTP and through a queue, by context and by environment."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import exits, testing
from functions_framework.tracing import segments, skywalking
from functions_framework.tracing.reporter import Reporter
from tests.framework.collector import Collector, collecting
from tests.framework.conftest import Program
from tests.framework.http import Client
from tests.framework.loaded import module, served

HELLO = """
import functions_framework as ff

@ff.http
{kind} hello(request):
    with ff.current_invocation().sending("GET /items", peer="items:80") as headers:
        assert request.path != "/unsent"
    if request.path == "/zero":
        1 / 0
    return headers
"""
PLACE = segments.Place("trace-1", "segment-1", 3, "front", "front-1", "/start", "hello:80")


@pytest.fixture
def oap() -> Iterator[Collector]:
    """A collector."""
    with collecting() as made:
        yield made


def context(address: str, **more: object) -> str:
    """A FUNC_CONTEXT with SkyWalking switched on."""
    tracing = {
        "enabled": True,
        "provider": {"name": "skywalking", "oapServer": address},
        "tags": {"func": "hello", "layer": "faas", "instance": "hello-1"},
        "baggage": {"tenant": "blue"},
        **more,
    }
    return json.dumps(
        {
            "name": "hello",
            "version": "v1",
            "runtime": "Knative",
            "prePlugins": ["skywalking"],
            "postPlugins": ["skywalking"],
            "pluginsTracing": tracing,
        }
    )


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_request_gives_the_expected_span_tree(tmp_path: Path, oap: Collector, kind: str) -> None:
    env = {"FUNC_CONTEXT": context(oap.address)}
    async with served(tmp_path, HELLO.replace("{kind}", kind), env=env) as at:
        reply = await at.ask("/a", headers=f"sw8: {PLACE.header}\r\n")
    (segment,) = oap.segments(1)
    exit_span, entry = segment["spans"]
    assert (segment["service"], segment["serviceInstance"], segment["traceId"]) == (
        "hello",
        "hello-1",
        "trace-1",
    )
    assert (entry["spanId"], entry["parentSpanId"], entry["spanType"], entry["spanLayer"]) == (
        0,
        -1,
        "Entry",
        "FAAS",
    )
    assert (entry["componentId"], entry["isError"], entry["operationName"]) == (5013, False, "hello")
    assert 0 < entry["startTime"] <= exit_span["startTime"] <= exit_span["endTime"] <= entry["endTime"]
    tags = {tag["key"]: tag["value"] for tag in entry["tags"]}
    assert (
        tags.items()
        >= {
            "http.method": "GET",
            "url": "test/a",
            "func": "hello",
            "layer": "faas",
            "status_code": "200",
        }.items()
    )
    assert entry["refs"] == [
        {
            "refType": "CrossProcess", "traceId": "trace-1", "parentTraceSegmentId": "segment-1", "parentSpanId": 3,
            "parentService": "front", "parentServiceInstance": "front-1", "parentEndpoint": "/start",
            "networkAddressUsedAtPeer": "hello:80",
        }
    ]  # fmt: skip
    assert (exit_span["spanId"], exit_span["parentSpanId"], exit_span["spanType"]) == (1, 0, "Exit")
    assert (exit_span["operationName"], exit_span["peer"]) == ("GET /items", "items:80")
    sent = segments.parse(reply.json["sw8"])
    assert sent == segments.Place(
        "trace-1", segment["traceSegmentId"], 1, "hello", "hello-1", "hello", "items:80"
    )
    assert segments.parse_correlation(reply.json["sw8-correlation"]) == {"tenant": "blue"}


async def test_an_error_is_in_the_spans(tmp_path: Path, oap: Collector) -> None:
    env = {"FUNC_CONTEXT": context(oap.address)}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        assert [(await at.ask(path)).status for path in ("/zero", "/unsent")] == [500, 500]
    zero, unsent = oap.segments(2)
    assert zero["traceId"] != unsent["traceId"]
    assert [span["isError"] for span in zero["spans"]] == [False, True]
    assert [span["isError"] for span in unsent["spans"]] == [True, True]
    (log,) = zero["spans"][1]["logs"]
    assert {pair["key"]: pair["value"] for pair in log["data"]} == {
        "event": "error", "error.kind": "ZeroDivisionError", "message": "division by zero",
    }  # fmt: skip


async def test_the_controllers_variables_switch_it_on(tmp_path: Path, oap: Collector) -> None:
    env = {
        "SW_AGENT_COLLECTOR_BACKEND_SERVICES": oap.address, "SW_AGENT_NAME": "named", "SW_AGENT_NAMESPACE": "ns",
        "POD_NAME": "pod-1",
    }  # fmt: skip
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        await at.ask("/")
    (segment,) = oap.segments(1)
    assert (segment["service"], segment["serviceInstance"]) == ("named", "pod-1")


async def test_a_caller_that_does_not_sample_is_not_reported(tmp_path: Path, oap: Collector) -> None:
    env = {"FUNC_CONTEXT": context(oap.address)}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        await at.ask("/", headers=f"sw8: 0{PLACE.header[1:]}\r\n")
        await at.ask("/", headers="sw8: rubbish\r\n")
    (segment,) = oap.segments(1)
    assert segment["spans"][1]["refs"] == []


async def test_tracing_that_is_disabled_stays_off_whatever_the_environment_says(
    tmp_path: Path, oap: Collector
) -> None:
    env = {
        "FUNC_CONTEXT": context(oap.address, enabled=False),
        "SW_AGENT_COLLECTOR_BACKEND_SERVICES": oap.address,
    }
    with module(tmp_path, HELLO.replace("{kind}", "def"), **env) as program:
        assert program.functions[0].call is program.functions[0].written


async def test_a_collector_that_is_away_costs_no_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with collecting() as gone:
        pass
    async with served(
        tmp_path, HELLO.replace("{kind}", "def"), env={"FUNC_CONTEXT": context(gone.address)}
    ) as at:
        assert [(await at.ask("/")).status for _ in range(3)] == [200] * 3
    assert caplog.text.count("does not take segments") == 1


def test_too_many_waiting_segments_lose_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as oap:
        reporter = Reporter(f"http://{oap.address}")
        for number in range(10_003):
            reporter.put({"number": number})
        reporter.start()
        reporter.stop()
        numbers = [segment["number"] for segment in oap.segments(10_000)]
    assert numbers == list(range(3, 10_003))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("oap:11800", "http://oap:12800"),
        ("oap.sky:12800", "http://oap.sky:12800"),
        ("oap", "http://oap:12800"),
        ("https://oap:443/in", "https://oap:443/in"),
        ("[::1]:9", "http://[::1]:9"),
        ("one:11800,two:11800", "http://one:12800"),
    ],
)
def test_the_collectors_address(given: str, url: str) -> None:
    assert skywalking.address(given) == url


@pytest.mark.parametrize("given", ["", "oap:port", "ftp://oap"])
def test_an_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(exits.StartError, match="oapServer"):
        skywalking.address(given)


@pytest.mark.parametrize(
    "header", ["", "1-a-b", PLACE.header.replace("-3-", "-x-"), "2" + PLACE.header[1:], "1-?-?-1-?-?-?-?"]
)
def test_a_header_that_is_none_is_no_place(header: str) -> None:
    assert segments.parse(header) is None
    assert segments.parse(PLACE.header) == PLACE


SENDER = """
import functions_framework as ff

@ff.openfunction
def publish(context):
    context.send("target", context.data)
    return context.return_on_success()
"""
RECEIVER = """
import functions_framework as ff

@ff.openfunction
def subscribe(context):
    assert context.data == b"pear", context.data
    return context.return_on_success()
"""


def asynchronous(name: str, oap: Collector, **more: object) -> dict[str, object]:
    """A FUNC_CONTEXT of an async function that is traced."""
    tracing = {
        "enabled": True,
        "provider": {"name": "skywalking", "oapServer": oap.address},
        "tags": {"tag1": "value1"},
    }
    return {
        "name": name,
        "version": "v1",
        "runtime": "Async",
        "port": "8080",
        "pluginsTracing": tracing,
        **more,
    }


@pytest.mark.parametrize("kind", ["pubsub.kafka", "bindings.kafka"])
def test_a_trace_goes_through_a_queue_inside_the_message(tmp_path: Path, oap: Collector, kind: str) -> None:
    queue = {"uri": "orders", "componentName": "queue", "componentType": kind}
    cron = {"uri": "cron", "componentName": "cron", "componentType": "bindings.cron"}
    (tmp_path / "publish.py").write_text(SENDER)
    (tmp_path / "subscribe.py").write_text(RECEIVER)
    sends = asynchronous(
        "publish", oap, inputs={"cron": cron}, outputs={"target": {**queue, "operation": "create"}}
    )
    environ = {"POD_NAMESPACE": "shop", "POD_NAME": "publish-1"}
    with testing.load(tmp_path / "publish.py", context=sends, environ=environ) as sender:
        assert sender.binding("cron", "pear").ok
        (sent,) = sender.dapr.sent
    (published,) = oap.segments(1)
    takes = asynchronous("subscribe", oap, inputs={"queue": queue})
    with testing.load(tmp_path / "subscribe.py", context=takes, environ=environ) as receiver:
        taken = (
            receiver.topic("queue", sent.data)
            if kind.startswith("pubsub")
            else receiver.binding("queue", sent.data)
        )
        assert taken.status in {200, "SUCCESS"}, taken
    (subscribed,) = oap.segments(1)
    assert (sent.data["source"], sent.data["type"]) == (
        "shop/publish",
        "io.openfunction.function.shop.publish",
    )
    exit_span, entry = published["spans"]
    assert (exit_span["spanType"], exit_span["peer"], exit_span["spanLayer"]) == ("Exit", "queue", "FAAS")
    tags = {tag["key"]: tag["value"] for tag in entry["tags"]}
    assert tags.items() >= {"runtime": "Async", "component.type": "bindings", "tag1": "value1"}.items()
    (entry,) = subscribed["spans"]
    (ref,) = entry["refs"]
    assert subscribed["traceId"] == published["traceId"]
    assert (ref["parentTraceSegmentId"], ref["parentSpanId"], ref["networkAddressUsedAtPeer"]) == (
        published["traceSegmentId"], 1, "queue",
    )  # fmt: skip
    tags = {tag["key"]: tag["value"] for tag in entry["tags"]}
    assert tags["component.type"] == kind.partition(".")[0]


async def test_a_process_that_is_told_to_end_reports_what_is_left(program: Any, oap: Collector) -> None:
    started: Program = program(
        HELLO.replace("{kind}", "async def"), "hello", FUNC_CONTEXT=context(oap.address)
    )
    client = await Client.open(started.port)
    assert (await client.ask("/")).status == 200
    client.close()
    assert started.stop() == 0
    (segment,) = oap.segments(1)
    assert segment["service"] == "hello"
