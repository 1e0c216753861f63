"""Execution ids in what a function prints and logs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from functions_framework import Request, execution
from tests.framework import http
from tests.framework.conftest import Program

SOURCE = """
import json
import logging
import sys

logging.basicConfig(level=logging.INFO, format="%(message)s")

def function(request):
    print("printed")
    print(json.dumps({"severity": "NOTICE", "logging.googleapis.com/labels": {"own": "1"}}), file=sys.stderr)
    logging.info("logged")
    return request.headers.get("function-execution-id", "")
"""
HEADERS = "function-execution-id: abc\r\nx-cloud-trace-context: 0af7/5678;o=1\r\n"


async def ask(program: Program, headers: str) -> None:
    client = await http.Client.open(program.port)
    assert (await client.ask("/", headers=headers)).status == 200
    client.close()


async def test_each_line_names_its_call(program: Callable[..., Program]) -> None:
    served = program(SOURCE, LOG_EXECUTION_ID="true")
    await ask(served, HEADERS)
    served.stop()
    assert served.process.stdout is not None
    labels = {"execution_id": "abc"}
    printed = {
        "message": "printed",
        "logging.googleapis.com/labels": labels,
        "logging.googleapis.com/spanId": "5678",
    }
    assert [json.loads(line) for line in served.process.stdout.read().splitlines()] == [printed]
    found = [json.loads(line) for line in served.lines if line.startswith("{")]
    assert [line.get("severity", line.get("message")) for line in found] == ["NOTICE", "logged"]
    assert found[0]["logging.googleapis.com/labels"] == {"own": "1", **labels}


async def test_without_the_setting_nothing_is_changed(program: Callable[..., Program]) -> None:
    served = program(SOURCE)
    await ask(served, HEADERS)
    served.stop()
    assert served.process.stdout is not None
    assert served.process.stdout.read() == "printed\n"


@pytest.mark.parametrize(
    ("fields", "named", "span"),
    [
        (((b"Function-Execution-Id", b"x"), (b"X-Cloud-Trace-Context", b"a/12;o=0")), "x", "12"),
        (((b"Function-Execution-Id", b"x"), (b"X-Cloud-Trace-Context", b"malformed")), "x", ""),
        ((), "", ""),
    ],
)
def test_the_request_names_the_call(fields: tuple[tuple[bytes, bytes], ...], named: str, span: str) -> None:
    found = execution.of(Request("GET", b"/", fields, b""))
    assert (found.span, len(found.id) if not named else found.id) == (span, named or 12)
