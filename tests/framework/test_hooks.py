"""Hooks around functions of every kind: order, rejection, replacement, failure, what they see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from functions_framework import exits, hooks, instrument, metrics
from functions_framework.function import Function
from functions_framework.hooks import Hook
from functions_framework.program import Program as Served
from tests.framework.conftest import Site
from tests.framework.loaded import module, served

SEEN = """
import functions_framework as ff

@ff.before
def first(call):
    call.state["seen"] = ["first"]

@ff.before
async def second(call):
    call.state["seen"].append("second")

@ff.after
def last(call):
    call.state["seen"].append("last")
    return {"seen": call.state["seen"], "result": call.result, "error": repr(call.error)}
"""
ASYNC = (
    SEEN
    + """
@ff.http
async def hello(request):
    ff.current_invocation().state["seen"].append("function")
    return "hi"
"""
)
SYNC = ASYNC.replace("async def hello", "def hello")
INLINE = SYNC.replace("@ff.http\n", "@ff.http(inline=True)\n")
AWAITED = SYNC.replace(
    "def hello(request):", "def hello(request):\n    return inner(request)\n\nasync def inner(request):"
)


@pytest.mark.parametrize(
    "text", [ASYNC, SYNC, INLINE, AWAITED], ids=["async", "thread", "inline", "coroutine"]
)
async def test_hooks_run_around_the_function_and_share_its_state(tmp_path: Path, text: str) -> None:
    async with served(tmp_path, text) as at:
        replies = [await at.ask("/") for _ in range(2)]
    assert [reply.json for reply in replies] == [
        {"seen": ["first", "second", "function", "last"], "result": "hi", "error": "None"}
    ] * 2


REJECTING = """
import functions_framework as ff

@ff.before
def guard(call):
    if call.request.args.get("how") == "raise":
        raise ff.HttpError(401, "Say who you are.")
    if call.request.args.get("how") == "answer":
        return {"from": "guard"}, 403

@ff.before
def never(call):
    call.state["never"] = True

@ff.after
def count(call):
    if "never" in call.state:
        return "passed"

@ff.http
{kind} hello(request):
    return "hi"
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_pre_hook_rejects_by_raising_or_answering(tmp_path: Path, kind: str) -> None:
    async with served(tmp_path, REJECTING.replace("{kind}", kind)) as at:
        raised, answered, passed = [await at.ask(f"/?how={how}") for how in ("raise", "answer", "")]
    assert (raised.status, raised.body) == (401, b"Say who you are.\n")
    assert (answered.status, answered.json) == (403, {"from": "guard"})
    assert passed.body == b"passed"


FAILING = """
import functions_framework as ff

@ff.{stage}(name="audit")
def broken(call):
    raise KeyError("no ledger")

@ff.http
{kind} hello(request):
    return "hi"
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("stage", "word"), [("before", "pre"), ("after", "post")])
async def test_a_failing_hook_is_named_in_status_log_and_metric(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stage: str, word: str, kind: str
) -> None:
    async with served(tmp_path, FAILING.replace("{stage}", stage).replace("{kind}", kind)) as at:
        reply = await at.ask("/")
        metrics = (await at.ask("/metrics")).body.decode()
    assert (reply.status, reply.headers["x-openfunction-hook"]) == (500, "audit")
    assert f"The {word} hook audit of the function hello raised" in caplog.text
    assert "no ledger" in caplog.text
    assert f'functions_framework_hook_errors_total{{hook="audit",stage="{word}"}} 1' in metrics
    assert b"no ledger" not in reply.body


ERRORS = """
import functions_framework as ff

@ff.after
def cover(call):
    if isinstance(call.error, ZeroDivisionError):
        return {"covered": str(call.error)}

@ff.http
{kind} hello(request):
    if request.path == "/zero":
        return 1 / 0
    raise ValueError("plain")
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_post_hook_sees_the_error_and_may_answer_instead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    async with served(tmp_path, ERRORS.replace("{kind}", kind)) as at:
        covered, raised = await at.ask("/zero"), await at.ask("/")
    assert covered.json == {"covered": "division by zero"}
    assert (raised.status, raised.headers["x-openfunction-status"]) == (500, "crash")
    assert "plain" in caplog.text
    assert "around.py" not in caplog.text  # the traceback is the user's


async def test_hooks_of_one_function_leave_others_alone(tmp_path: Path) -> None:
    text = """
import functions_framework as ff

@ff.after(functions="a")
def mark(call):
    return f"{call.result} marked"

@ff.http(path="/a")
def a(request):
    return "a"

@ff.http(path="/b")
def b(request):
    return "b"
"""
    async with served(tmp_path, text) as at:
        assert [(await at.ask(path)).body for path in ("/a", "/b")] == [b"a marked", b"b"]


async def test_order_is_by_number_then_by_place(tmp_path: Path) -> None:
    text = """
import functions_framework as ff

@ff.before(order=2)
def c(call): call.state.setdefault("order", []).append("c")

@ff.before
def a(call): call.state.setdefault("order", []).append("a")

@ff.before
def b(call): call.state.setdefault("order", []).append("b")

@ff.after
def tell(call): return call.state["order"]

@ff.http
def hello(request): return ""
"""
    async with served(tmp_path, text) as at:
        assert (await at.ask("/")).json == ["a", "b", "c"]


async def test_a_post_hook_runs_before_a_stream_whose_items_have_the_calls_context(tmp_path: Path) -> None:
    text = """
import functions_framework as ff

@ff.after
def mark(call):
    call.state["mark"] = "marked"

@ff.http(path="/async")
async def a(request):
    async def items():
        yield "one "
        yield ff.current_invocation().state["mark"]
    return items()

@ff.http(path="/plain")
def b(request):
    yield "one "
    yield ff.current_invocation().state["mark"]
"""
    async with served(tmp_path, text) as at:
        for path in ("/async", "/plain"):
            client = await at.client()
            await client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            got = await client.reader.read()
            client.close()
            assert b"one " in got
            assert b"marked" in got
        said = (await at.ask("/metrics")).body.decode()
    assert 'requests_total{function="b",outcome="ok"} 1' in said


async def test_a_late_function_has_its_504_and_nothing_stays_under_way(tmp_path: Path) -> None:
    text = (
        SEEN + "@ff.http\nasync def hello(request):\n    import asyncio\n    await asyncio.Event().wait()\n"
    )
    async with served(tmp_path, text, timeout=0.2) as at:
        reply = await at.ask("/")
        said = (await at.ask("/metrics")).body.decode()
    assert reply.status == 504
    assert 'requests_total{function="hello",outcome="timeout"} 1' in said
    assert 'requests_in_progress{function="hello"} 0' in said


async def test_an_event_is_seen_by_hooks(tmp_path: Path) -> None:
    text = """
import functions_framework as ff

@ff.after
def tell(call):
    return {"trigger": call.trigger, "type": call.event["type"], "function": call.function}

@ff.cloud_event
def hello(event): pass
"""
    head = "ce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\n"
    async with served(tmp_path, text) as at:
        reply = await at.ask("/", method="POST", headers=head)
        refused = await at.ask("/", method="POST")
    assert reply.json == {"trigger": "cloudevent", "type": "t", "function": "hello"}
    assert refused.status == 400


def test_a_file_without_hooks_is_served_as_it_is(tmp_path: Path) -> None:
    with module(tmp_path, "def function(request): return 'x'", OFN_METRICS="off") as program:
        function = program.functions[0]
    assert function.call is function.written
    assert not set(metrics.PATHS) & program.endpoints.keys()


def test_context_hooks_are_outermost_and_override_leaves_them_out(tmp_path: Path) -> None:
    known = {name: Hook(name, "pre", print) for name in ("a", "b")}
    own = [Hook("own", "pre", print)]
    assert [hook.name for hook in hooks.arrange(("a", "b"), known, own, stage="pre")] == ["a", "b", "own"]
    assert [hook.name for hook in hooks.arrange(("b", "a"), known, own, stage="post")] == ["own", "b", "a"]


def test_a_hook_with_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(exits.StartError) as caught:
        hooks.arrange(
            ("nobody",), {"b": Hook("b", "pre", print), "a": Hook("a", "pre", print)}, (), stage="pre"
        )
    assert caught.value.reason == "InvalidContext"
    assert "'nobody'" in caught.value.sentence
    assert "known are: a, b" in caught.value.sentence


async def test_sys_exit_in_a_hooked_function_is_its_own_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("def", "async def"):
        text = (
            SEEN.replace("return {", "0 and {")
            + f"@ff.http\n{kind} hello(request):\n    import sys\n    sys.exit('bye')\n"
        )
        async with served(tmp_path, text) as at:
            assert (await at.ask("/")).status == 500
    assert caplog.text.count("sys.exit('bye')") >= 2


LEFT = (
    SEEN
    + """
@ff.http
async def hello(request):
    await asyncio.Event().wait()
"""
)


async def test_a_call_whose_client_leaves_is_counted_and_ends(tmp_path: Path) -> None:
    async with served(tmp_path, "import asyncio\n" + LEFT) as at:
        client = await at.client()
        await client.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        await scraped(at, 'in_progress{function="hello"} 1')
        client.close()
        said = await scraped(at, 'outcome="client_error"} 1')
    assert 'in_progress{function="hello"} 0' in said


async def scraped(at: Site, wanted: str) -> str:
    """The metrics, once they say this."""
    async with asyncio.timeout(10):
        while wanted not in (said := (await at.ask("/metrics")).body.decode()):
            pass
    return said


STREAMING = """
import functions_framework as ff

@ff.before
def pass_by(call): pass

@ff.http(path="/items")
{kind} items(request):
    yield "one"
    yield "two"

@ff.http(path="/none")
{kind} none(request):
    if request.path == "/never":
        yield "one"

@ff.http(path="/broken")
{kind} broken(request):
    yield "one"
    raise ValueError("midway")
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_stream_ends_its_call_whatever_becomes_of_it(tmp_path: Path, kind: str) -> None:
    async with served(tmp_path, STREAMING.replace("{kind}", kind)) as at:
        assert (await at.ask("/items", method="HEAD")).status == 200
        for path in ("/items", "/none", "/broken"):
            client = await at.client()
            await client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            assert b"HTTP/1.1 20" in await client.reader.read()
            client.close()
        said = await scraped(at, 'requests_total{function="broken",outcome="user_error"} 1')
    for name in ("items", "none", "broken"):
        assert f'requests_in_progress{{function="{name}"}} 0' in said


async def test_a_hook_around_a_websocket_function_is_refused(tmp_path: Path) -> None:
    talk = Function("talk", print, "websocket", is_async=True, written=print)
    kept = instrument.Source({}, tmp_path)
    assert instrument.instrumented(served_by(talk), kept, {}).functions == (talk,)
    hooked = instrument.Source({"guard": hooks.before(functions="talk")(lambda call: None)}, tmp_path)
    with pytest.raises(exits.StartError, match="talk answers WebSockets, around which no hook runs"):
        instrument.instrumented(served_by(talk), hooked, {})


def served_by(function: Function) -> Served:
    return Served((function,))
