"""The Python buildpack's own parts: what it reads of a source, and what it leaves of an installation."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.builder import workshop

LIB = Path(__file__).parent.parent.parent / "builder" / "buildpacks" / "openfunction_python" / "lib"
MODULES = ("bytecode", "checks", "dependencies", "requirements", "resolver", "settings", "standin")


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


OURS = "openfunction-functions-framework"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("functions-framework", "functions-framework"),
        ("functions-framework==3.*", "functions-framework"),
        ("Functions_Framework[x]==1.4.3 ; python_version > '3'", "functions-framework ; python_version > '3'"),
        ("functions-framework>=3,<4;python_version>'3'", "functions-framework ; python_version>'3'"),
        ("functions-framework==3.8.1 --hash=sha256:00 --hash=sha256:01", "functions-framework"),
        ("functions-framework @ git+https://example.org/x/functions-framework-python@v3", "functions-framework"),
        ("functions-framework @ https://example.org/a;b.whl ; os_name == 'x'", "functions-framework ; os_name == 'x'"),
        ("git+https://example.org/GoogleCloudPlatform/functions-framework-python.git@main", "functions-framework"),
        ("-e git+ssh://git@example.org/x/fork.git#egg=functions-framework", "functions-framework"),
        ("https://example.org/p/functions_framework-3.8.1-py3-none-any.whl", "functions-framework"),
        ("./wheels/ofn_functions_framework-0.2.0.tar.gz", "ofn-functions-framework"),
        ("ofn-functions-framework~=0.2", "ofn-functions-framework"),
        (f"{OURS}[typed]>=0.1", f"{OURS}[typed]"),
    ],
)  # fmt: skip
def test_a_published_framework_is_asked_for_in_any_version(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, wanted: str
) -> None:
    found = parts.requirements.read(workshop.write(tmp_path, {"requirements.txt": f"a\n{line}\n"}))
    assert (found.lines, found.frameworks) == (["a"], [wanted])
    assert capsys.readouterr().out.count(f"is satisfied by {OURS}") == 1


@pytest.mark.parametrize(
    "line",
    [
        "functions-framework-extras==1",
        "my-functions-framework",
        "x @ git+https://example.org/functions-framework/x.git",
        "./functions-framework-examples",
    ],
)
def test_another_name_is_left_alone(parts: Parts, tmp_path: Path, line: str) -> None:
    found = parts.requirements.read(workshop.write(tmp_path, {"requirements.txt": f"{line}\n"}))
    assert (found.lines, found.frameworks) == ([line], [])


def test_limits_of_a_framework_do_not_hold_for_ours(parts: Parts, tmp_path: Path) -> None:
    files = {
        "requirements.txt": "functions-framework\n-c limits.txt\n",
        "limits.txt": "functions-framework==3.5.0\nflask<4\n",
    }
    assert parts.requirements.read(workshop.write(tmp_path, files)).constraints == ["flask<4"]


def test_a_stand_in_leaves_no_line_in_the_lock_and_says_who_asked(parts: Parts) -> None:
    annotated = (
        "flask==3.1.3 \\\n    --hash=sha256:00\n    # via\n    #   functions-framework\n    #   other\n"
        "functions-framework @ file:///tmp/x.whl \\\n    --hash=sha256:01\n    # via\n"
        "    #   --override overrides.txt\n    #   -r requirements.in\n    #   other\n"
        "other==1 \\\n    --hash=sha256:02\n    # via -r requirements.in\n"
    )
    lock, said = parts.standin.taken_out(annotated)
    assert lock == "flask==3.1.3 \\\n    --hash=sha256:00\nother==1 \\\n    --hash=sha256:02\n"
    assert said == [f"functions-framework, which other requires, is satisfied by {OURS}"]


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


class Uv:
    """A resolver that counts its calls."""

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self.calls = 0

    def run(self, *_words: str, cwd: Path) -> str:
        """A lock of this call."""
        assert cwd.is_dir()
        self.calls += 1
        return f"a=={self.calls}\n"


def test_a_lock_is_as_old_as_it_was_when_its_layer_comes_back(parts: Parts, tmp_path: Path) -> None:
    wheels = workshop.write(tmp_path / "wheels", {"openfunction_functions_framework-1-py3-none-any.whl": ""})
    store = parts.dependencies.Store(tmp_path / "cache", uv=(uv := Uv()), wheels=wheels, app=tmp_path)
    wanted = parts.requirements.Wanted(lines=["a"])
    assert store.lock(wanted) == "a==1\n"
    lock, made = (next((tmp_path / "cache" / "locks").glob(f"*{end}")) for end in (".txt", ".made"))
    os.utime(lock, (315532801, 315532801))  # as our lifecycle brings it back
    assert (store.lock(wanted), uv.calls) == ("a==1\n", 1)
    made.write_text(str(int(made.read_text()) - parts.dependencies.LOCK_SECONDS - 1))
    os.utime(lock)  # as upstream's does
    assert store.lock(wanted) == "a==2\n"


def test_a_cache_that_nobody_tidies_up_keeps_what_the_last_lock_needs(parts: Parts, tmp_path: Path) -> None:
    store = parts.dependencies.Store(tmp_path, uv=Uv(), wheels=tmp_path, app=tmp_path)
    for name in ("old", "new"):
        workshop.write(tmp_path / "dependencies" / name, {"a.py": ""})
    store.forget_all_but(tmp_path / "dependencies" / "new")
    assert [path.name for path in (tmp_path / "dependencies").iterdir()] == ["new"]


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


@pytest.mark.parametrize(
    ("code", "asked", "frameworks"),
    [
        ("import flask\n", "", [f"{OURS}[google]"]),
        ("def f(r):\n    from cloudevents.http import CloudEvent\n", "flask", [f"{OURS}[google]"]),
        ("from werkzeug import Response\n", "Flask==3.*", []),
        ("from flask import request\n", "functions-framework==3.*", ["functions-framework"]),
        ("import flask_cors  # no flask\n", "", []),
        ("import functions_framework.aio\n", "", [f"{OURS}[google]"]),
        ("from functions_framework import aio\n", "", [f"{OURS}[google]"]),
        ("from starlette.responses import Response\n", "fastapi", []),
    ],
)
def test_what_published_frameworks_bring_along_is_brought_to_code_that_imports_it(
    parts: Parts, tmp_path: Path, code: str, asked: str, frameworks: list[str]
) -> None:
    workshop.write(tmp_path, {"main.py": code, "requirements.txt": f"{asked}\n"})
    assert parts.requirements.read(tmp_path).frameworks == frameworks
