"""The contract of a process: what it serves is what `--describe` prints, and what it says of bad input is so."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.framework.conftest import Program, run_cli
from tests.framework.contract import shapes, validators

FILE = Path(shapes.__file__)


def fetch(port: int, path: str, body: Any = None, method: str | None = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def port(program: Callable[..., Program]) -> int:
    return program(FILE.read_text(), "").port


@pytest.mark.parametrize("kind", ["openapi", "asyncapi", "schema"])
def test_describe_prints_what_is_served(port: int, kind: str) -> None:
    printed = run_cli("--source", str(FILE), "--describe", kind)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert fetch(port, f"/.well-known/openfunction/{kind}.json") == (200, json.loads(printed.stdout))


def test_describe_is_openapi_where_nothing_else_is_said() -> None:
    document = json.loads(run_cli("--source", str(FILE), "--target", "order", "--describe").stdout)
    validators.check_openapi(document)
    assert list(document["paths"]) == ["/orders/{shop}/{number}"]


def test_describe_prints_the_document_alone(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('loading')\ndef function(request): return 'x'\n")
    printed = run_cli("--source", str(tmp_path), "--describe")
    assert (json.loads(printed.stdout)["openapi"], printed.stderr.strip()) == ("3.1.0", "loading")


def test_describe_of_no_document_says_which_there_are() -> None:
    printed = run_cli("--source", str(FILE), "--describe", "wsdl")
    assert (printed.returncode, "asyncapi" in printed.stderr) == (2, True)


def test_bad_input_is_answered_with_every_path(port: int) -> None:
    wrong = {"id": "no", "lines": [{"sku": "a", "count": "many"}], "parent": {"id": 1}}
    status, told = fetch(port, "/orders/rome/7?dry=perhaps", wrong, "PUT")
    assert (status, sorted(one["path"] for one in told["errors"])) == (422, [
        "body.id", "body.lines.0.count", "body.lines.0.sku", "body.parent.id", "body.parent.lines", "query.dry",
    ])  # fmt: skip
    assert all(one["message"] for one in told["errors"])


def test_a_contract_costs_nothing_until_somebody_asks(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def function(request): return 'x'\n")
    code = (
        "import sys; from functions_framework import loader, settings, contract\n"
        f"program = loader.load(settings.FunctionSettings(source=__import__('pathlib').Path({str(tmp_path)!r})))\n"
        "def loaded(): return sorted(n for n in sys.modules if n.startswith('functions_framework.contract.'))\n"
        "print(loaded()); contract.text(program, 'openapi'); print('functions_framework.contract.openapi' in loaded())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]
