"""Each case asked of both; what is compared is the status, and of an answer that succeeds its body and headers."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import loader, settings
from functions_framework.serving import server
from tests.conformance import google_differential
from tests.conformance.google_differential.cases import CASES, Case
from tests.framework.conftest import environment, instance_settings

_HERE = Path(__file__).parent
_COMPARED = frozenset({"content-type", "location", "x-one", "set-cookie", "x-google-status"})


@pytest.fixture(scope="module")
def published() -> dict[int, dict[str, Any]]:
    """The published framework's answers, by the case's place."""
    told = [
        {
            "source": str(_HERE / f"{case.file}.py"), "target": case.target, "signature": case.signature,
            "asgi": case.file == "aios",
            "path": case.path, "method": case.method, "headers": case.headers, "body": case.body,
        }
        for case in CASES
    ]  # fmt: skip
    ran = subprocess.run(
        [str(google_differential.python()), str(_HERE / "ask_published.py")],
        input=json.dumps(told), capture_output=True, text=True, timeout=110, check=False, env=environment(),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return dict(enumerate(json.loads(ran.stdout.splitlines()[-1])))


@pytest.fixture(scope="module")
def ours() -> Iterator[Any]:
    """Asks our server, one per function, all on a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: dict[tuple[str, str], tuple[server.Server, int]] = {}

    def ask(case: Case) -> dict[str, Any]:
        key = (case.file, case.target)
        if key not in servers:
            servers[key] = asyncio.run_coroutine_threadsafe(_start(case), loop).result(30)
        return _ask(case, servers[key][1])

    yield ask
    for made, _ in servers.values():
        asyncio.run_coroutine_threadsafe(made.close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def _start(case: Case) -> tuple[server.Server, int]:
    chosen = settings.FunctionSettings(
        _HERE / f"{case.file}.py", case.target, settings.signature(case.signature), named=True
    )
    program = loader.load(chosen, environ={})
    made = server.Server(program, instance_settings(settle=0.0), asyncio.get_running_loop())
    listener = server.bind("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    await made.start(listener)
    return made, port


def _ask(case: Case, port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            case.method, case.path, case.body.encode("latin-1") or None, {"host": "test", **case.headers}
        )
        answer = connection.getresponse()
        body = answer.read().decode("latin-1")
        return {"status": answer.status, "headers": answer.getheaders(), "body": body}
    finally:
        connection.close()


def _said(answer: dict[str, Any]) -> dict[str, Any]:
    """What is compared of an answer: of one that fails only that it does, and whose fault it is."""
    fields = sorted((name.lower(), value) for name, value in answer["headers"] if name.lower() in _COMPARED)
    crash = ("x-google-status", "crash") in fields
    if answer["status"] >= 400:
        return {"status": answer["status"], "crash": crash, "headers": None, "body": None}
    if not answer["body"]:
        fields = [each for each in fields if each[0] != "content-type"]
    body: Any = answer["body"]
    if ("content-type", "application/json") in fields:
        body = json.loads(body.encode("latin-1"))  # blanks and the order of keys say nothing
    return {"status": answer["status"], "crash": crash, "headers": fields, "body": body}


@pytest.mark.parametrize("place", range(len(CASES)), ids=[case.name for case in CASES])
def test_both_answer_the_same(published: dict[int, dict[str, Any]], ours: Any, place: int) -> None:
    theirs, own = _said(published[place]), _said(ours(CASES[place]))
    unlike = CASES[place].unlike
    same = [part for part in own if part not in unlike]
    assert {part: own[part] for part in same} == {part: theirs[part] for part in same}
    assert all(own[part] != theirs[part] for part in unlike), "no longer a difference: take it off the list"
