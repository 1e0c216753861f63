"""The Python buildpack's own parts: what it reads of a source, and what it leaves of an installation."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.builder import workshop

LIB = Path(__file__).parent.parent.parent / "builder" / "buildpacks" / "openfunction_python" / "lib"
MODULES = ("bytecode", "checks", "dependencies", "requirements", "resolver", "settings")


class Parts:
    """The buildpack's modules, which are no package."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """The modules, importable as the buildpack's programs import them."""
    monkeypatch.syspath_prepend(str(LIB))
    yield Parts()
    for name in MODULES:
        sys.modules.pop(name, None)


def test_included_files_constraints_and_continued_lines_are_read(parts: Parts, tmp_path: Path) -> None:
    files = {
        "requirements.txt": "a==1 \\\n  --hash=sha256:00\n# nothing\n-r more/b.txt\n-c limits.txt  # why\n",
        "more/b.txt": "b>=2 # two\n-r ../requirements.txt\n",
        "limits.txt": "c<3\n",
    }
    found = parts.requirements.read(workshop.write(tmp_path, files))
    assert (found.lines, found.constraints) == (["a==1    --hash=sha256:00", "b>=2"], ["c<3"])


@pytest.mark.parametrize("name", ["functions-framework", "Functions_Framework", "ofn-functions-framework"])
def test_a_framework_is_never_asked_for(parts: Parts, tmp_path: Path, name: str) -> None:
    workshop.write(tmp_path, {"requirements.txt": f"{name}[x]==1.4.3 ; python_version > '3'\n"})
    assert parts.requirements.read(tmp_path).lines == []


def test_the_dependencies_of_a_project_are_read(parts: Parts, tmp_path: Path) -> None:
    workshop.write(tmp_path, {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["a>=1", "./b"]\n'})
    found = parts.requirements.read(tmp_path)
    assert (found.lines, found.local) == (["a>=1", "./b"], True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"requirements.txt": "-r gone.txt\n"}, "DependencyFailed"),
        ({"requirements.txt": "-r ../../etc/passwd\n"}, "DependencyFailed"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\nflask = "*"\n'}, "BuilderUnsupported"),
        ({"pyproject.toml": "[project\n"}, "SyntaxError"),
    ],
)
def test_requirements_that_cannot_be_read_have_a_reason(
    parts: Parts, tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        parts.requirements.read(workshop.write(tmp_path / "app", files))
    assert getattr(caught.value, "reason", "") == reason


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def main(r): ...\ndef other(r): ...\n", "main"),
        ("def only(r): ...\nx = 1\n", "only"),
        ("import functions_framework\n@functions_framework.http\ndef a(r): ...\ndef main(r): ...\n", "a"),
        ("from functions_framework import cloud_event\n@cloud_event\ndef e(r): ...\ndef b(r): ...\n", "e"),
    ],
)
def test_a_function_that_is_not_named_is_the_only_one_it_can_be(
    parts: Parts, tmp_path: Path, code: str, found: str
) -> None:
    workshop.write(tmp_path, {"main.py": code})
    assert parts.checks.target(tmp_path / "main.py", "") == found


@pytest.mark.parametrize(
    "code",
    [
        "from other import *\n",
        "from other import wanted\n",
        "try:\n    def wanted(r): ...\nexcept Exception: ...\n",
        "def __getattr__(name): ...\n",
        "wanted = lambda r: 1\n",
        "globals()['wanted'] = 1\n",
    ],
)
def test_a_name_that_the_file_may_hold_is_left_to_the_framework(
    parts: Parts, tmp_path: Path, code: str
) -> None:
    workshop.write(tmp_path, {"main.py": code})
    assert parts.checks.target(tmp_path / "main.py", "wanted") == "wanted"


def test_a_name_inside_a_function_is_none_of_the_files(parts: Parts, tmp_path: Path) -> None:
    workshop.write(tmp_path, {"main.py": "def outer(r):\n    def inner(): ...\n"})
    with pytest.raises(parts.settings.Failure, match="no function 'inner'"):
        parts.checks.target(tmp_path / "main.py", "inner")


def test_uvs_decisive_lines_have_neither_boxes_nor_news(parts: Parts) -> None:
    said = (
        "warning: something\n  × No solution found when resolving dependencies:\n"
        "  ╰─▶ Because nope was not found in the package registry and you require nope, we can conclude\n"
        "      that your requirements are unsatisfiable.\n"
    )
    assert parts.resolver.decisive(said).splitlines() == [
        "No solution found when resolving dependencies:",
        "Because nope was not found in the package registry and you require nope, we can conclude",
        "that your requirements are unsatisfiable.",
    ]


def test_what_tells_of_the_machine_is_taken_out_of_an_installation(parts: Parts, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "x-1.dist-info/RECORD": "x.py,,\nbin/x,,\nbin/tool,,\nx-1.dist-info/uv_cache.json,,\n",
        "x-1.dist-info/uv_cache.json": "{}",
        "x-1.dist-info/direct_url.json": '{"url": "file:///tmp/here"}',
        "bin/x": "#!/home/me/python\n",
        "bin/tool": b"\x7fELF",
        ".lock": "",
    }
    parts.dependencies.tidy(workshop.write(tmp_path, files))
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["bin/tool", "x-1.dist-info/RECORD"]
    assert (tmp_path / "x-1.dist-info" / "RECORD").read_text() == "x.py,,\nbin/tool,,\n"


def test_bytecode_is_the_same_whatever_the_folder_and_names_the_images_path(
    parts: Parts, tmp_path: Path
) -> None:
    code = "NAMES = {'a', 'b', 'c'}\n\ndef f(x):\n    return x in {'one', 'two', 'three'}\n"
    made = []
    for name in ("first", "second/deeper"):
        folder = workshop.write(tmp_path / name, {"m.py": code, "bad.py": "def (\n"})
        parts.bytecode.compile_folder(folder, at="/layers/x")
        made += [path.read_bytes() for path in (folder / "__pycache__").iterdir()]
    assert len(made) == 2
    assert made[0] == made[1]
    assert b"/layers/x/m.py" in made[0]
    assert str(tmp_path).encode() not in made[0]
