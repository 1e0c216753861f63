"""Metrics: each outcome counted once, durations when asked for, the text format, who has the path."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from functions_framework import exits, metrics
from functions_framework.calls import outcomes
from tests.framework.conftest import Program, Site
from tests.framework.http import Client
from tests.framework.loaded import module, served

EVERY = """
import asyncio
import functions_framework as ff

@ff.http
{kind} hello(request):
    how = request.path[1:]
    if how == "missing":
        raise ff.HttpError(404, "No.")
    if how == "own":
        return "sorry", 503
    if how == "crash":
        raise ValueError("x")
    if how == "object":
        return object()
    if how == "exit":
        raise SystemExit(3)
    if how == "late":
        {wait}
    return "fine"
"""
KINDS = {
    "async": EVERY.replace("{kind}", "async def").replace("{wait}", "await asyncio.Event().wait()"),
    "thread": EVERY.replace("{kind}", "def").replace("{wait}", "__import__('threading').Event().wait(2)"),
    "coroutine": EVERY.replace("{kind}", "async def").replace("{wait}", "await asyncio.Event().wait()").replace(
        "@ff.http\nasync def hello", "async def inner"
    ) + "\n@ff.http\ndef hello(request):\n    return inner(request)\n",
}  # fmt: skip
HOOKED = "\n@ff.before\ndef pass_by(call): pass\n"
SAMPLE = re.compile(r"(\w+)(?:\{([^}]*)\})? (\S+)")


def samples(text: str) -> dict[tuple[str, str], float]:
    """Name and labels of each sample, with its value; every line has to be one of the format's."""
    found = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        found[match[1].removeprefix("functions_framework_"), match[2] or ""] = float(match[3])
    return found


async def scraped(at: Site) -> dict[tuple[str, str], float]:
    reply = await at.ask("/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(reply.body.decode())


@pytest.mark.parametrize("mode", ["counts", "on", "hooked"])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_outcome_is_counted_once(tmp_path: Path, kind: str, mode: str) -> None:
    text = KINDS[kind] + (HOOKED if mode == "hooked" else "")
    env = {"OFN_METRICS": "counts" if mode == "hooked" else mode}
    async with served(tmp_path, text, timeout=0.5, env=env) as at:
        asked = ("fine", "fine", "missing", "own", "crash", "object", "exit", "late")
        statuses = [(await at.ask(f"/{path}")).status for path in asked]
        found = await scraped(at)
    assert statuses == [200, 200, 404, 503, 500, 500, 500, 504]
    counts = {
        outcome: found["requests_total", f'function="hello",outcome="{outcome}"']
        for outcome in outcomes.OUTCOMES
    }
    assert counts == {"ok": 2, "client_error": 1, "user_error": 4, "framework_error": 0, "timeout": 1}
    assert found.get(("requests_in_progress", 'function="hello"'), 0) == 0
    if mode != "counts":
        assert found["request_duration_seconds_count", 'function="hello"'] == 8
        assert found["request_duration_seconds_bucket", 'function="hello",le="+Inf"'] == 8
        assert found["request_duration_seconds_bucket", 'function="hello",le="0.25"'] == 7
        assert found["request_duration_seconds_sum", 'function="hello"'] >= 0.5


async def test_a_call_under_way_is_shown(tmp_path: Path) -> None:
    async with served(tmp_path, KINDS["async"], env={"OFN_METRICS": "on"}) as at:
        client = await at.client()
        await client.send(b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(10):
            while not (await scraped(at)).get(("requests_in_progress", 'function="hello"')):
                pass
        client.close()


async def test_events_that_cannot_be_read_are_the_clients_fault(tmp_path: Path) -> None:
    text = "import functions_framework as ff\n@ff.cloud_event\ndef hello(event): pass\n"
    for mode in ("counts", "on"):
        async with served(tmp_path, text, env={"OFN_METRICS": mode}) as at:
            assert (await at.ask("/", method="POST")).status == 400
            assert (await scraped(at))["requests_total", 'function="hello",outcome="client_error"'] == 1


async def test_a_function_that_has_the_path_keeps_it(tmp_path: Path) -> None:
    text = "import functions_framework as ff\n@ff.http(path='/metrics')\ndef mine(request): return 'mine'\n"
    async with served(tmp_path, text) as at:
        assert (await at.ask("/metrics")).body == b"mine"
        assert b"requests_total" in (await at.ask("/.well-known/openfunction/metrics")).body


async def test_off_leaves_the_paths_to_the_function(tmp_path: Path) -> None:
    text = "def function(request): return request.path"
    async with served(tmp_path, text, env={"OFN_METRICS": "off"}) as at:
        assert (await at.ask("/metrics")).body == b"/metrics"


def test_another_value_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(exits.StartError, match="OFN_METRICS is 'yes'"),
        module(tmp_path, "def function(request): pass", OFN_METRICS="yes"),
    ):
        pass


def test_labels_are_escaped() -> None:
    counted = metrics.Metrics(timed=True)
    counted.series('a"\\\n').begun = 1
    text = "\n".join(counted.exposition())
    assert 'function="a\\"\\\\\\n"' in text


def test_the_buckets_are_cumulative() -> None:
    counted = metrics.Metrics(timed=True)
    series = counted.series("f")
    series.begun = 3
    for seconds in (0.001, 0.3, 99.0):
        series.end("ok", seconds)
    found = samples("\n".join(counted.exposition()))
    steps = [value for (name, _), value in found.items() if name == "request_duration_seconds_bucket"]
    assert steps == [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]


async def test_a_process_says_how_long_its_start_took(program: Any) -> None:
    started: Program = program("def function(request): return 'x'")
    client = await Client.open(started.port)
    found = samples((await client.ask("/metrics")).body.decode())
    client.close()
    assert 0 < found["cold_start_seconds", ""] < 60
