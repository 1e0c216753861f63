"""What a context makes of a program: routes, targets, readiness, and what cannot be served."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import functions_framework
import functions_framework.dapr.errors
from functions_framework import exits, loader, settings
from functions_framework.context import document, joining, serving
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.context.user_context import UserContext
from functions_framework.program import Program
from functions_framework.request import Request
from tests.framework.conftest import run_cli
from tests.framework.sidecar import FakeSidecar
from tests.framework.test_context_calls import CONTEXT, deliver, served

ASYNC = {**CONTEXT, "runtime": "Async"}


def loaded(tmp_path: Path, source: str, context: dict[str, Any], target: str = "") -> Program:
    file = tmp_path / "main.py"
    file.write_text(
        "import functions_framework\nfrom functions_framework import Context, UserContext\n" + source
    )
    environ = {"FUNC_CONTEXT": json.dumps(context)}
    return loader.load(
        settings.FunctionSettings(file, target=target or "function", named=bool(target)), environ=environ
    )


def answering(program: Program, method: str, path: str) -> str:
    request = Request(method, path.encode(), [], b"")
    return program.router()(request).name


def test_callers_and_dapr_reach_the_same_function(tmp_path: Path) -> None:
    program = loaded(tmp_path, "def f(context: UserContext): ...", CONTEXT, "f")
    assert answering(program, "GET", "/any") == "f"
    assert answering(program, "POST", "/dapr/topics/0/orders") == "f"
    assert answering(program, "POST", "/cron") == "f"
    assert answering(program, "OPTIONS", "/cron") == "ticks wanted"


def test_an_async_function_is_reached_by_dapr_alone(tmp_path: Path) -> None:
    program = loaded(tmp_path, "def f(whatever): ...", ASYNC, "f")
    with pytest.raises(functions_framework.HttpError, match="No function answers"):
        answering(program, "GET", "/any")
    assert answering(program, "POST", "/cron") == "f"


def test_the_published_frameworks_import_paths(tmp_path: Path) -> None:
    source = (
        "from functions_framework.context.user_context import UserContext\n"
        "from functions_framework.context.runtime_context import RuntimeContext\n"
        "from functions_framework.openfunction.function_out import FunctionOut\n"
        "@functions_framework.openfunction\ndef f(context): ...\n"
        "@functions_framework.openfunction(inputs=['ticks'])\ndef g(context): ...\n"
    )
    program = loaded(tmp_path, source, CONTEXT)
    assert answering(program, "POST", "/cron") == "g"
    assert answering(program, "POST", "/dapr/topics/0/orders") == "f"


def test_an_input_that_several_functions_could_have_is_named(tmp_path: Path) -> None:
    source = (
        "@functions_framework.openfunction\ndef f(c): ...\n@functions_framework.openfunction\ndef g(c): ...\n"
    )
    with pytest.raises(exits.StartError, match=r"inputs=\['orders'\]"):
        loaded(tmp_path, source, CONTEXT)


def test_a_cloudevent_function_takes_a_topics_events(tmp_path: Path) -> None:
    program = loaded(tmp_path, "@functions_framework.cloud_event\ndef f(event): return 'DROP'\n", CONTEXT)
    function = program.router()(Request("POST", b"/dapr/topics/0/orders", [], b""))
    assert function.prepare is not None
    assert function.render is not None
    body = b'{"id":"1","source":"s","type":"t","specversion":"1.0","data":1}'
    event = function.prepare(
        Request("POST", b"/", [(b"content-type", b"application/cloudevents+json")], body)
    )
    assert event["id"] == "1"
    assert function.render(function.call(event))[2] == b'{"status":"DROP"}'  # type: ignore[index]  # no stream


@pytest.mark.parametrize("context", [{"runtime": "Async"}, {"name": "f", "runtime": "Async", "outputs": {}}])
def test_a_context_that_nothing_could_call_by_is_an_error(tmp_path: Path, context: dict[str, Any]) -> None:
    with pytest.raises(exits.StartError) as caught:
        loaded(tmp_path, "def f(context): ...", context, "f")
    assert (caught.value.reason, caught.value.code) == ("NothingToServe", 94)


def test_the_command_line_never_ends_with_0_in_silence(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def f(context): ...")
    for context, code in (('{"runtime":"Async"}', 94), ('{"inputs":[]}', 92)):
        done = run_cli("--source", str(tmp_path / "main.py"), "--target", "f", FUNC_CONTEXT=context)
        assert done.returncode == code
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("call", [lambda: None, lambda context, data, more: None])
def test_a_function_that_takes_no_context_is_an_error(call: Callable[..., Any]) -> None:
    with pytest.raises(exits.StartError, match="f\\(context\\), or f\\(context, data\\)"):
        serving.function(
            "f", call, functions_framework.registry.Note("openfunction"), runtime=RuntimeContext()
        )


def test_grpc_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "functions_framework.dapr.appgrpc", None)
    environ = {"FUNC_CONTEXT": json.dumps(CONTEXT), "APP_PROTOCOL": "grpc"}
    runtime = RuntimeContext(document.from_environ(environ), environ=environ)
    made = loaded(tmp_path, "def f(context: Context): ...", {}, "f")
    with pytest.raises(exits.StartError) as caught:
        joining.program(made, environ, runtime=runtime)
    assert caught.value.reason == "OptionalMissing"
    assert "[dapr]" in caught.value.sentence


async def test_readiness_waits_for_the_sidecar(fake: FakeSidecar) -> None:
    fake.answer("/v1.0/healthz", 500)
    async with served(lambda context: None, fake, DAPR_HEALTH_TIMEOUT="0.1") as at:
        reply = await at.ask("/readyz")
        assert (reply.status, (await at.ask("/healthz")).status) == (503, 200)
        assert b"Dapr sidecar" in reply.body
        while b"SidecarUnavailable" not in reply.body:
            reply = await at.ask("/readyz")
        fake.answers.clear()
        while reply.status != 200:
            reply = await at.ask("/readyz")
        assert reply.body == b"ok\n"


async def test_a_sidecar_that_goes_makes_the_instance_unready(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> str:
        with pytest.raises(functions_framework.dapr.errors.OutputError, match="does not answer"):
            context.send("out", b"x")
        return "raised"

    gone = FakeSidecar(port=1)
    async with served(call, gone, DAPR_HEALTH_TIMEOUT="9") as at:
        assert (await at.ask("/")).body == b"raised"
        unready = await at.ask("/readyz")
        assert unready.status == 503
        assert unready.body.count(b"127.0.0.1:1") <= 1
        assert b"does not answer" not in unready.body  # the client's word for what it waits for


async def test_a_retried_event_is_handled_after_its_error(fake: FakeSidecar) -> None:
    calls = []

    def call(context: UserContext) -> Any:
        calls.append(context.data)
        return "RETRY" if len(calls) == 1 else None

    async with served(call, fake) as at:
        assert [(await deliver(at)).json["status"] for _ in range(2)] == ["RETRY", "SUCCESS"]


@pytest.mark.parametrize(
    ("port", "expected"), [({}, 9000), ({"PORT": "7000"}, 7000), ({"FUNC_CONTEXT": ""}, 8080)]
)
def test_the_port_is_the_one_that_the_context_announces(port: dict[str, str], expected: int) -> None:
    environ = {"FUNC_CONTEXT": json.dumps({**CONTEXT, "port": "9000"}), **port}
    assert settings.instance_settings(environ).port == expected


async def test_what_runs_at_a_time_counts_callers_and_deliveries_alike(fake: FakeSidecar) -> None:
    running, most = 0, 0

    @functions_framework.openfunction(concurrency=1)
    async def call(context: UserContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    async with served(call, fake) as at, asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(at.ask("/"))
            group.create_task(deliver(at))
    assert most == 1
