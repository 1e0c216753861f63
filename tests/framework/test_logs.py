"""JSON logs: one line a record, the call's ids in it, whose error it was; text logs and prints stay as they are."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import exits, logs
from tests.framework.conftest import Program
from tests.framework.http import Client
from tests.framework.loaded import module, served

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEAD = f"traceparent: 00-{TRACE}-{SPAN}-01\r\nx-request-id: r-1\r\n"
HELLO = """
import logging
import functions_framework as ff

@ff.http
{kind} hello(request):
    print("printed")
    logging.getLogger("shop").info("sold %s", "a pear", extra={"price": 3, "thing": object})
    logging.warning("few left")
    if request.path == "/zero":
        1 / 0
"""
JSON = {"OFN_LOG_FORMAT": "json"}


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def lines(text: str) -> list[dict[str, Any]]:
    """The JSON lines of an output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_record_inside_a_call_has_its_ids(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path, HELLO.replace("{kind}", kind), env=JSON) as at:
        await at.ask("/", headers=HEAD)
    said = capsys.readouterr()
    (sold,) = lines(said.out)
    (few,) = lines(said.err)
    ids = {"function": "hello", "invocation_id": "r-1", "trace_id": TRACE, "span_id": SPAN}
    assert (
        sold.items()
        >= {"level": "INFO", "logger": "shop", "message": "sold a pear", "price": "3", **ids}.items()
    )
    assert few.items() >= {"level": "WARNING", "logger": "root", "message": "few left", **ids}.items()
    assert "\nprinted\n" in f"\n{said.out}"


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_an_error_says_whose_it_is(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path, HELLO.replace("{kind}", kind), env=JSON) as at:
        reply = await at.ask("/zero", headers=HEAD)
    failed = lines(capsys.readouterr().err)[-1]
    assert reply.headers["x-openfunction-status"] == "crash"
    assert (
        failed.items()
        >= {
            "level": "ERROR",
            "origin": "function",
            "error": "ZeroDivisionError",
            "invocation_id": "r-1",
        }.items()
    )
    assert failed["traceback"].count("main.py") == 1
    assert "around.py" not in failed["traceback"]


async def test_a_timeout_and_a_hook_are_logged_with_the_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """
import asyncio
import functions_framework as ff

@ff.before
def audit(call):
    if call.request.path == "/hook":
        raise KeyError("ledger")

@ff.http
async def hello(request):
    await asyncio.Event().wait()
"""
    async with served(tmp_path, text, timeout=0.2, env=JSON) as at:
        assert [(await at.ask(path, headers=HEAD)).status for path in ("/late", "/hook")] == [504, 500]
    late, hook = lines(capsys.readouterr().err)
    assert (late["origin"], late["invocation_id"]) == ("function", "r-1")
    assert (hook["origin"], hook["error"], hook["invocation_id"]) == ("hook audit", "KeyError", "r-1")


async def test_text_is_the_default_and_touches_nothing(tmp_path: Path, root: logging.Logger) -> None:
    before = list(root.handlers)
    async with served(tmp_path, HELLO.replace("{kind}", "def")) as at:
        await at.ask("/")
    assert root.handlers == before


def test_handlers_are_installed_once_with_the_level_that_is_asked_for(root: logging.Logger) -> None:
    before = len(root.handlers)
    logs.install({"OFN_LOG_LEVEL": "debug"})
    logs.install({"OFN_LOG_LEVEL": "error"})
    assert (len(root.handlers) - before, root.level) == (2, logging.DEBUG)


@pytest.mark.parametrize(("name", "value"), [("OFN_LOG_FORMAT", "xml"), ("OFN_LOG_LEVEL", "loud")])
def test_another_setting_is_refused(tmp_path: Path, name: str, value: str) -> None:
    env = {**JSON, name: value}
    with pytest.raises(exits.StartError, match=name), module(tmp_path, "def function(request): pass", **env):
        pass


def test_a_record_that_json_cannot_hold_is_still_a_line() -> None:
    record = logging.makeLogRecord({"msg": "lone \ud800", "name": "x", "levelname": "INFO", "odd": {1, "a"}})
    line = json.loads(logs.Formatter().format(record))
    assert line["message"] == "lone ?"


def test_the_error_of_a_record_is_named() -> None:
    error = ValueError("bad")
    record = logging.makeLogRecord({"msg": "m", "exc_info": (ValueError, error, None)})
    line = json.loads(logs.Formatter().format(record))
    assert (line["error"], line["traceback"]) == ("ValueError", "ValueError: bad\n")


async def test_a_process_writes_json_on_both_streams(program: Any) -> None:
    started: Program = program(HELLO.replace("{kind}", "def"), "hello", **JSON)
    client = await Client.open(started.port)
    await client.ask("/zero", headers=HEAD)
    client.close()
    started.stop()
    out = started.process.stdout.read()  # type: ignore[union-attr]  # a pipe
    assert [line["message"] for line in lines(out)] == ["sold a pear"]
    assert [line["level"] for line in lines("".join(started.lines))] == ["WARNING", "ERROR"]
