"""Loading a function: what is found, and what each failure says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions_framework import exits, loader, settings
from functions_framework.function import Function


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:
    """Leave no module and no path of one test to the next."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


def load(
    tmp_path: Path, text: str, target: str = "function", *, named: bool = True, name: str = "source.py"
) -> Function:
    (tmp_path / name).write_text(text)
    made = loader.load(settings.FunctionSettings(source=tmp_path / name, target=target, named=named))
    return made.functions[0]


def failure(tmp_path: Path, text: str, target: str = "function") -> exits.StartError:
    with pytest.raises(exits.StartError) as caught:
        load(tmp_path, text, target)
    return caught.value


def test_a_plain_function_is_found_by_name(tmp_path: Path) -> None:
    got = load(tmp_path, "def hello(request):\n    return 'x'\n", "hello")
    assert (got.name, got.signature, got.is_async, got.call(None)) == ("hello", "http", False, "x")


def test_a_decorator_says_the_signature(tmp_path: Path) -> None:
    text = "import functions_framework as ff\n@ff.cloud_event\nasync def on(event): ...\n"
    got = load(tmp_path, text, "on")
    assert (got.signature, got.is_async) == ("cloudevent", True)


def test_the_only_decorated_function_needs_no_name(tmp_path: Path) -> None:
    text = "import functions_framework as ff\n@ff.http\ndef anything(request): ...\ndef helper(): ...\n"
    assert load(tmp_path, text, named=False).name == "anything"


def test_an_object_with_an_async_call_is_async(tmp_path: Path) -> None:
    assert load(tmp_path, "class F:\n    async def __call__(self, r): ...\nfunction = F()\n").is_async


def test_modules_beside_the_source_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("VALUE = 7\n")
    assert load(tmp_path, "import beside_it\ndef function(r): return beside_it.VALUE\n").call(None) == 7


def test_a_source_named_like_a_library_shadows_nothing(tmp_path: Path) -> None:
    before = sys.modules["json"]
    assert load(tmp_path, "def function(r): return 1\n", name="json.py").call(None) == 1
    assert sys.modules["json"] is before


def test_a_folder_means_its_main_py(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def function(r): ...\n")
    assert loader.load(settings.FunctionSettings(source=tmp_path)).functions[0].name == "function"


def test_a_missing_source_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(exits.StartError, match="there is no file") as caught:
        loader.load(settings.FunctionSettings(source=tmp_path / "none.py"))
    assert caught.value.reason == "SourceNotFound"


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("def other(r): ...\n", "FunctionNotFound", "has no function 'function'; it has 'other'"),
        ("def functoin(r): ...\n", "FunctionNotFound", "did you mean 'functoin'?"),
        ("function = 3\n", "FunctionNotFound", "is a int"),
        ("", "FunctionNotFound", "it has none"),
        ("def function(r)\n", "SyntaxError", "source.py line 1: expected ':' in `def function(r)`"),
        ("x = 1\nimport not_there.deep\n", "DependencyFailed", "source.py line 2: the module 'not_there'"),
        ("x = 1\n1 / 0\n", "ImportFailed", "source.py line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "ImportFailed", "exit code 3"),
        ("from json import nothing\n", "ImportFailed", "ImportError: cannot import name"),
    ],
)
def test_each_failure_has_its_reason_and_sentence(tmp_path: Path, text: str, reason: str, words: str) -> None:
    error = failure(tmp_path, text)
    assert error.reason == reason
    assert words in error.line
    assert "\n" not in error.line
    assert error.line.startswith(f"functions_framework: {reason}: ")
    assert error.code == exits.EXIT_CODES[reason]


def test_a_syntax_error_in_a_module_beside_names_that_module(tmp_path: Path) -> None:
    (tmp_path / "broken_beside.py").write_text("\n\nx = = 1\n")
    assert "broken_beside.py line 3" in failure(tmp_path, "import broken_beside\n").line
