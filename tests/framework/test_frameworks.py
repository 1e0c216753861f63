"""Which framework a user's file is written for, told by its text and by what it names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import Request, loader, settings
from functions_framework.program import Program

Load = Callable[..., Program]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    path, modules = list(sys.path), set(sys.modules)

    def make(text: str, **files: str) -> Program:
        for name, content in files.items():
            (tmp_path / f"{name}.py").write_text(content)
        (tmp_path / "main.py").write_text(text)
        return loader.load(settings.FunctionSettings(tmp_path / "main.py"))

    yield make
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def is_flask(program: Program) -> bool:
    return "flask_style" in getattr(program.functions[0].call, "__module__", "")


CHECKED = """
from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    import flask


def function(request: flask.Request):
    return "x"
"""
PLAIN = "def function(request):\n    return 'x'\n"


@pytest.mark.parametrize(
    "text",
    [
        "import flask\n" + PLAIN,
        "from flask import abort\n" + PLAIN,
        "import os, flask\n" + PLAIN,
        "import flask.typing as t\n" + PLAIN,
        "from werkzeug.exceptions import NotFound\n" + PLAIN,
        "def function(request):\n    from flask import jsonify\n    return jsonify(1)\n",
        CHECKED,
    ],
)
def test_a_file_that_imports_flask_is_written_for_it(load: Load, text: str) -> None:
    assert is_flask(load(text))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "# import flask\n" + PLAIN,
        "text = 'flask'\n" + PLAIN,
        "from functions_framework import Request\n\ndef function(request: Request):\n    return 'flask'\n",
    ],
)
def test_any_other_is_not(load: Load, text: str) -> None:
    assert not is_flask(load(text))


def test_a_file_beside_it_counts(load: Load) -> None:
    assert is_flask(
        load("from helping import answer\n" + PLAIN, helping="import flask\n\ndef answer(): ...\n")
    )
    assert not is_flask(load("import helped\n" + PLAIN, helped="word = 1\n"))


def test_a_name_from_a_library_that_imports_flask_counts(load: Load, tmp_path: Path) -> None:
    away = tmp_path / "site-packages"
    away.mkdir()
    (away / "adapter_of_a_chat.py").write_text("from flask import make_response\n\nclass Handler:\n    ...\n")
    sys.path.insert(0, str(away))
    assert is_flask(load("from adapter_of_a_chat import Handler\n" + PLAIN))


def test_several_functions_share_the_application_of_their_file(load: Load) -> None:
    text = """
import functions_framework
from flask import current_app

@functions_framework.http(path="/a")
def a(request):
    return f"a {id(current_app._get_current_object())}"

@functions_framework.http(path="/b")
def b(request):
    return f"b {id(current_app._get_current_object())}"
"""

    told: list[Any] = [each.call(Request("GET", b"/", (), b""))[2].split() for each in load(text).functions]
    assert [word for word, _ in told] == [b"a", b"b"]
    assert told[0][1] == told[1][1]
