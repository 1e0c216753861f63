"""A template's rehearsal: nothing stays open, nothing of it is seen by the user's module, a failure is told."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
import uvloop

from functions_framework import exits
from functions_framework.templates import child, footprint, privatepages, rehearsal
from tests.framework.conftest import Node, environment
from tests.framework.test_template import Dial, Start, get, template

__all__ = ["template"]  # the fixture

LOOK = """
import json, os, pathlib, signal, sys
from functions_framework.templates import rehearsal
def look():
    links = {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{number}")}
    return {"fds": links, "tasks": os.listdir("/proc/self/task"), "environ": dict(os.environ),
            "signals": [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]}
from functions_framework.serving import instance
instance.new_loop().close()
before = look()
missed = rehearsal.rehearse(pathlib.Path(sys.argv[1]))
print(json.dumps([missed, before == look(), os.listdir(sys.argv[1])]))
"""


def test_a_rehearsal_leaves_descriptors_threads_signals_and_environment_as_they_were(short_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(short_dir)],
        capture_output=True, text=True, timeout=60, env=environment(), check=False,
    )  # fmt: skip
    assert done.stdout == '["", true, []]\n', done.stdout + done.stderr


def test_what_a_rehearsal_leaves_open_is_a_start_error_that_names_it(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[socket.socket] = []
    monkeypatch.setattr(rehearsal, "_perform", lambda *_: kept.append(socket.socket()))
    with pytest.raises(exits.StartError, match=r"TemplateFailed: the rehearsal left socket:.* behind"):
        rehearsal.rehearse(short_dir)
    for one in kept:
        one.close()


def test_a_rehearsal_that_cannot_be_is_told_and_the_template_serves(template: Start, node: Node) -> None:
    folder = node.path.parent
    (folder / "rehearsal").mkdir()  # where its socket would be
    at = template("def function(request):\n    return {'ok': True}\n")
    dial = Dial(at.path)
    assert dial.receive()["fork_safe"] is True
    spec = at.spec()
    at.fork(dial, spec)
    node.wait("ready")
    assert get(spec.port) == {"ok": True}
    dial.close()
    at.process.terminate()
    assert at.process.stderr is not None
    assert "no rehearsal, so instances take more memory: OSError" in at.process.stderr.read()


EVENT = {
    "ce-id": "1",
    "ce-source": "/test",
    "ce-type": "t",
    "ce-specversion": "1.0",
    "content-type": "application/json",
}


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def function(request):\n    return {'got': request.get_json()['n']}\n", "http"),
        ("async def function(request):\n    return {'got': request.get_json()['n']}\n", "http"),
        (
            "import asyncio\n"
            "async def function(request):\n"
            "    await asyncio.sleep(0)\n"
            "    return {'got': request.get_json()['n']}\n",
            "http",
        ),
        ("def function(event):\n    print('got', event.data['n'], flush=True)\n", "cloudevent"),
    ],
)
def test_a_template_that_rehearsed_forks_instances_of_every_kind(
    template: Start, node: Node, source: str, signature: str
) -> None:
    at = template(source, FUNCTION_SIGNATURE_TYPE=signature)
    dial = Dial(at.path)
    assert dial.receive()["threads"] == []
    spec = at.spec()
    at.fork(dial, spec)
    node.wait("ready")
    body, status = post(spec.port, b'{"n": 7}', EVENT if signature == "cloudevent" else {})
    assert status == 200
    seen = Path(spec.log).read_text() if signature == "cloudevent" else body
    assert "7" in seen
    dial.close()


def post(port: int, body: bytes, headers: dict[str, str]) -> tuple[str, int]:
    """One request with a body; what came back and its status."""
    import http.client  # noqa: PLC0415  # the test package has a module of this name

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/", body, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.read().decode(), answer.status
    finally:
        connection.close()


def test_a_module_that_asks_for_the_current_loop_finds_none_of_the_rehearsal(template: Start) -> None:
    at = template(
        "import asyncio, warnings\nwarnings.simplefilter('ignore')\nKEPT = asyncio.get_event_loop()\n"
        "def function(request): ...\n"
    )
    dial = Dial(at.path)
    assert "1 event loop (" in dial.receive()["reason"]
    dial.close()


def test_growth_names_threads_and_descriptors() -> None:
    before = footprint.take()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="mine")
    thread.start()
    reading, writing = os.pipe()
    grown = footprint.grown(before, footprint.take())
    end.set()
    thread.join()
    for descriptor in (reading, writing):
        os.close(descriptor)
    assert grown.startswith("1 thread (mine) and pipe:[")
    assert footprint.grown(before, footprint.take()) == ""


def test_what_forbids_a_fork_is_named_in_one_sentence() -> None:
    before = footprint.Footprint((), {"0": "/dev/null"}, ())
    after = footprint.Footprint(
        ("pool-0", "pool-1", "pool-2", "pool-3"),
        {"0": "/dev/null", "5": "/dev/nvidia0", "6": "anon_inode:[eventpoll]", "7": "/a/model"},
        ("uvloop.Loop",),
    )
    assert footprint.why_unsafe(before, after) == (
        "importing the function left 4 threads (pool-0, pool-1, pool-2, 1 more), 1 event loop (uvloop.Loop) and "
        "1 accelerator context (/dev/nvidia0); create them at the first request to start faster"
    )
    assert (
        footprint.why_unsafe(before, footprint.Footprint((), {"0": "/dev/null", "7": "/a/model"}, ())) == ""
    )


def test_global_generators_of_libraries_are_seeded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded = []
    for name in ("numpy.random", "torch"):
        library = types.ModuleType(name)
        vars(library)["seed"] = lambda name=name: seeded.append(name)
        monkeypatch.setitem(sys.modules, name, library)
    child.reseed()
    assert seeded == ["numpy.random", "torch"]


def test_pages_given_back_are_blank_and_the_object_is_as_it_was() -> None:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        given = privatepages.give_back(loop)
        assert given > 50 if sys.platform == "linux" else given == 0
        assert loop.run_until_complete(asyncio.sleep(0, "here")) == "here"
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def test_filling_holes_ends_and_takes_little() -> None:
    kept = privatepages.fill_holes()
    assert 0 < sum(map(len, kept)) < 8 << 20
