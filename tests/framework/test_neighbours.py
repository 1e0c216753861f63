"""One functions framework sits in an environment: a second one is refused with the commands that help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import functions_framework
from functions_framework import exits, neighbours
from tests.framework.conftest import environment

PACKAGE = Path(functions_framework.__file__).parent


@pytest.fixture
def together(tmp_path: Path) -> Path:
    """A folder as pip leaves it that has installed ours."""
    folder = tmp_path / "site-packages"
    shutil.copytree(PACKAGE, folder / "functions_framework", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "openfunction_functions_framework-0.1.0.dist-info").mkdir()
    return folder


def check(folder: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    (tmp_path / "main.py").write_text("def hello(request):\n    return 'hello'\n")
    return subprocess.run(
        [sys.executable, "-m", "functions_framework", "--target", "hello", "--check"],
        env=environment(PYTHONPATH=str(folder)), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_alone_it_starts(together: Path, tmp_path: Path) -> None:
    done = check(together, tmp_path)
    assert (done.returncode, "hello is a http function" in done.stderr) == (0, True)


@pytest.mark.parametrize(
    ("info", "named"),
    [
        ("functions_framework-3.8.1.dist-info", "functions-framework 3.8.1"),
        ("ofn_functions_framework-0.2.0.dist-info", "ofn-functions-framework 0.2.0"),
        ("functions_framework-1.4.3-py3.11.egg-info", "functions-framework 1.4.3"),
    ],
)
def test_a_second_framework_is_refused_with_the_commands_that_help(
    together: Path, tmp_path: Path, info: str, named: str
) -> None:
    (together / info).mkdir()
    done = check(together, tmp_path)
    assert done.returncode == exits.EXIT_CODES["TwoFrameworks"] == 93
    assert done.stderr.startswith(f"functions_framework: TwoFrameworks: {named} is installed beside")
    assert f"python -m pip uninstall -y {named.partition(' ')[0]}`" in done.stderr
    assert (
        "python -m pip install --force-reinstall --no-deps openfunction-functions-framework`" in done.stderr
    )


@pytest.mark.parametrize(
    "name",
    [
        "openfunction_functions_framework-0.1.0.dist-info",
        "functions_framework_extras-1.dist-info",
        "my_functions_framework-1.dist-info",
        "functions_framework",
    ],
)
def test_other_names_are_no_framework(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert neighbours.others([tmp_path, tmp_path / "gone"]) == []


def test_the_command_has_two_names_that_are_one(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def hello(request):\n    return 'hello'\n")
    said = []
    for name in ("functions-framework", "ff"):
        program = Path(sys.executable).with_name(name)
        assert os.access(program, os.X_OK), f"{program} is missing; run `make setup`"
        for words in (["--target", "hello", "--check"], ["--help"], ["--target", "gone"]):
            done = subprocess.run(
                [str(program), *words], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
            )  # fmt: skip
            said.append((done.returncode, done.stdout, done.stderr))
    assert said[:3] == said[3:]
    assert [code for code, _, _ in said[:3]] == [0, 0, exits.EXIT_CODES["FunctionNotFound"]]
