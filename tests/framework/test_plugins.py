"""Plugins in OpenFunction's way: found beside the file, one object per call, seen by each other, in order."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from functions_framework import exits
from functions_framework.context import document
from functions_framework.invocation import Invocation
from functions_framework.plugins import once
from functions_framework.request import Request
from tests.framework import sidecar
from tests.framework.conftest import Program
from tests.framework.loaded import module, served

CUSTOM = """
class PluginCustom:
    name = "plugin-custom"
    version = "v1"

    def exec_pre_hook(self, ctx, plugins):
        self.state_c = 1

    def get(self, field):
        return {"StateC": self.state_c}.get(field)
"""
HELLO = """
import functions_framework as ff

@ff.after
def own(call): call.state.setdefault("order", []).append("own")

@ff.http
{kind} hello(request):
    return "hi"
"""
TELL = """
class Tell:
    name = "tell"
    def exec_post_hook(self, ctx, plugins):
        return {"sum": plugins["plugin-example"].get("sum"), "objects": sorted(plugins)}
"""


def plugin(folder: Path, name: str, text: str) -> None:
    """A file in the plugins folder; a name without suffix is a package."""
    home = folder / "plugins"
    home.mkdir(exist_ok=True)
    file = home / name if name.endswith(".py") else home / name / "__init__.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def v1beta1(pre: list[str], post: list[str], **more: object) -> str:
    """A FUNC_CONTEXT of the older shape."""
    return json.dumps(
        {
            "name": "hello",
            "version": "v1",
            "runtime": "Knative",
            "prePlugins": pre,
            "postPlugins": post,
            **more,
        }
    )


def v1beta2(pre: list[str], post: list[str]) -> str:
    """The newer shape."""
    return json.dumps(
        {"name": "hello", "version": "v1", "triggers": {"http": {}}, "preHooks": pre, "postHooks": post}
    )


CONTEXTS = [("FUNC_CONTEXT", v1beta1), ("FUNC_CONTEXT_V1BETA2", v1beta2)]


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("variable", "shape"), CONTEXTS)
async def test_the_example_plugin_gives_sum_2(
    tmp_path: Path, variable: str, shape: object, kind: str
) -> None:
    plugin(tmp_path, "plugin-custom", CUSTOM)
    plugin(tmp_path, "tell.py", TELL)
    text = shape(["plugin-custom", "plugin-example"], ["plugin-example", "plugin-custom", "tell"])  # type: ignore[operator]
    async with served(tmp_path, HELLO.replace("{kind}", kind), env={variable: text}) as at:
        reply = await at.ask("/")
    assert reply.json == {"sum": 2, "objects": ["plugin-custom", "plugin-example", "tell"]}


ORDERED = """
class Base:
    def init(self):
        self.made = True
    def exec_pre_hook(self, ctx):
        ctx.state.setdefault("order", []).append("pre " + self.name)
    def exec_post_hook(self, ctx):
        ctx.state["order"].append("post " + self.name)
        if self.name == "a":
            return {"order": ctx.state["order"], "made": self.made}

class A(Base):
    Name = name = "a"

class B(Base):
    name = "b"
"""


async def test_an_order_gives_pre_a_b_and_post_b_a_around_the_files_own(tmp_path: Path) -> None:
    plugin(tmp_path, "both.py", ORDERED)
    env = {"FUNC_CONTEXT": v1beta1([], [], plugins={"order": ["a", "b"]})}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        replies = [(await at.ask("/")).json for _ in range(2)]
    assert replies == [{"order": ["pre a", "pre b", "own", "post b", "post a"], "made": True}] * 2


def test_explicit_lists_win_over_an_order() -> None:
    said = {"order": ["a", "b"]}
    for more, pre, post in (
        ({"plugins": said}, ("a", "b"), ("b", "a")),
        ({"plugins": {**said, "post": ["c"]}}, ("a", "b"), ("c",)),
        ({"plugins": {**said, "pre": ["b"]}}, ("b",), ("b", "a")),
    ):
        found = document.parse(v1beta1([], [], **more)).hooks
        assert (found.pre, found.post) == (pre, post)
    assert document.parse(v1beta1(["x"], ["y"], plugins=said)).hooks == document.HookList(("x",), ("y",))


async def test_a_plugin_rejects_and_a_failing_one_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin(tmp_path, "guard.py", """
import functions_framework as ff

class Guard(ff.Plugin):
    name = "guard"
    async def exec_pre_hook(self, ctx, plugins):
        if ctx.request.path == "/closed":
            raise ff.HttpError(403, "Closed.")
        if ctx.request.path == "/broken":
            raise RuntimeError("no key")
""")  # fmt: skip
    for kind in ("def", "async def"):
        env = {"FUNC_CONTEXT": v1beta1(["guard"], [])}
        async with served(tmp_path, HELLO.replace("{kind}", kind), env=env) as at:
            closed, broken, fine = [await at.ask(path) for path in ("/closed", "/broken", "/")]
        assert (closed.status, closed.body) == (403, b"Closed.\n")
        assert (broken.status, broken.headers["x-openfunction-hook"]) == (500, "guard")
        assert fine.body == b"hi"
    assert "The pre hook guard of the function hello raised" in caplog.text


def test_an_unknown_plugin_ends_the_start_and_the_known_ones_are_named(tmp_path: Path) -> None:
    plugin(tmp_path, "custom.py", CUSTOM)
    env = {"FUNC_CONTEXT": v1beta1(["plugin-nobody"], [])}
    with pytest.raises(exits.StartError) as caught, module(tmp_path, HELLO.replace("{kind}", "def"), **env):
        pass
    assert caught.value.reason == "InvalidContext"
    assert "plugin-nobody" in caught.value.sentence
    assert "known are: plugin-custom, plugin-example" in caught.value.sentence


def test_a_plugin_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    plugin(tmp_path, "bad.py", "import nothing_of_that_name")
    env = {"FUNC_CONTEXT": v1beta1(["x"], [])}
    with pytest.raises(exits.StartError) as caught, module(tmp_path, HELLO.replace("{kind}", "def"), **env):
        pass
    assert caught.value.reason == "ImportFailed"
    assert caught.value.sentence.startswith("plugins/bad.py: ModuleNotFoundError")


def test_a_plugins_folder_that_no_context_names_is_not_imported(tmp_path: Path) -> None:
    plugin(tmp_path, "bad.py", "raise RuntimeError")
    with module(tmp_path, HELLO.replace("{kind}", "def")) as program:
        assert program.functions[0].name == "hello"


async def test_a_context_places_a_hook_of_the_file_by_its_name(tmp_path: Path) -> None:
    plugin(tmp_path, "both.py", ORDERED)
    env = {"FUNC_CONTEXT": v1beta1(["a", "b"], ["own", "b", "a"])}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        assert (await at.ask("/")).json["order"] == ["pre a", "pre b", "own", "post b", "post a"]


async def test_the_policy_override_leaves_the_contexts_hooks_out(tmp_path: Path) -> None:
    env = {"FUNC_CONTEXT": v1beta1(["plugin-nobody"], []), "OFN_HOOKS_POLICY": "Override"}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        assert (await at.ask("/")).body == b"hi"


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(exits.StartError, match="OFN_HOOKS_POLICY"),
        module(tmp_path, HELLO.replace("{kind}", "def"), OFN_HOOKS_POLICY="merge"),
    ):
        pass


async def test_a_tracing_provider_among_the_hooks_is_no_hook(tmp_path: Path) -> None:
    env = {"FUNC_CONTEXT": v1beta1(["skywalking"], ["skywalking"])}
    async with served(tmp_path, HELLO.replace("{kind}", "def"), env=env) as at:
        assert (await at.ask("/")).status == 200


class Closing(BaseHTTPRequestHandler):
    """A sidecar's door that only notes who knocks."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Note the path."""
        self.asked.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("trigger", "error", "ends"),
    [("topic", None, True), ("binding", None, True), ("http", None, False), ("topic", ValueError(), False)],
)
def test_run_once_ends_sidecar_and_process_after_an_event_that_was_handled(
    trigger: str, error: Exception | None, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *told: killed.append(told))
    server = HTTPServer(("127.0.0.1", 0), Closing)
    monkeypatch.setenv("DAPR_HTTP_PORT", str(server.server_address[1]))
    monkeypatch.setattr(Closing, "asked", [])
    call = Invocation("work", trigger=trigger, request=Request("POST", b"/", [], b"", ("", 0)), started=0.0)
    call.error = error
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    once.RunOnce().exec_post_hook(call)
    server.shutdown()
    server.server_close()
    thread.join()
    assert Closing.asked == (["/v1.0/shutdown"] if ends else [])
    assert killed == ([(os.getpid(), signal.SIGTERM)] if ends else [])


def test_run_once_ends_the_whole_command_with_its_guard(
    program: Callable[..., Program], fake: sidecar.FakeSidecar
) -> None:
    context = {
        "name": "work",
        "version": "v1",
        "triggers": {"dapr": [{"name": "clock", "type": "bindings.cron"}]},
        "postHooks": ["run-once"],
    }
    source = "def work(context):\n    print('worked', bytes(context.data), flush=True)\n"
    env = {"FUNC_CONTEXT_V1BETA2": json.dumps(context), "DAPR_HTTP_PORT": str(fake.port)}
    started = program(source, "work", FUNC_TYPE="openfunction", **env)
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=10)
    connection.request("POST", "/clock", body=b"now")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status < 300
    assert started.process.wait(20) == 0
    assert [one.target for one in fake.asked if one.method == "POST"] == ["/v1.0/shutdown"]
    assert started.process.stdout is not None
    assert started.process.stdout.read() == "worked b'now'\n"
