"""The framework's types as others see them: complete by `--verifytypes`, and what `tests/typing` asserts of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
FILES = sorted((ROOT / "tests/typing").glob("[!_]*.py"))
REFUSED = ROOT / "tests/typing/refused.py"
IGNORED = "# type: ignore"
SETTINGS: dict[str, Any] = {
    "typeCheckingMode": "strict",
    "reportUnusedFunction": False,  # a decorated function is used by the framework
    "reportUnusedCoroutine": False,
    "reportUnnecessaryTypeIgnoreComment": True,
    "venvPath": str(BIN.parent.parent),
    "venv": BIN.parent.name,
}


def pyright(*arguments: str, at: Path) -> dict[str, Any]:
    """What basedpyright says, outside the checkout so that it sees an installed package."""
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [BIN / "basedpyright", *arguments, "--outputjson"],
        cwd=at, env=environ, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.timeout(300)
def test_every_type_of_the_framework_is_known(tmp_path: Path) -> None:
    told = pyright("--verifytypes", "functions_framework", "--ignoreexternal", at=tmp_path)[
        "typeCompleteness"
    ]
    assert told["packageName"] == "functions_framework"
    problems = [
        f"{symbol['name']}: {problem['message'].splitlines()[0]}"
        for symbol in told["symbols"]
        if symbol["isExported"]
        for problem in symbol["diagnostics"]
        if problem["severity"] == "error"
    ]
    assert problems == []
    assert (told["completenessScore"], told["exportedSymbolCounts"]["withKnownType"] > 1000) == (1, True)


@pytest.mark.timeout(300)
def test_what_the_typing_files_assert_is_so_for_pyright(tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / file.name).write_text(file.read_text())
    told = checked(tmp_path, SETTINGS)
    assert told["summary"]["filesAnalyzed"] == len(FILES)
    assert errors(told) == []


@pytest.mark.timeout(300)
def test_what_must_be_refused_is_refused_by_pyright(tmp_path: Path) -> None:
    (tmp_path / REFUSED.name).write_text(REFUSED.read_text())
    told = checked(tmp_path, {**SETTINGS, "enableTypeIgnoreComments": False})
    wanted = [number for number, line in enumerate(REFUSED.read_text().splitlines(), 1) if IGNORED in line]
    assert sorted({int(error.split(":")[1]) for error in errors(told)}) == wanted


def checked(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What basedpyright says of the files of a folder."""
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    return pyright("-p", str(folder), at=folder)


def errors(told: dict[str, Any]) -> list[str]:
    """The errors, as `file:line: message`."""
    return [
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in told["generalDiagnostics"]
        if one["severity"] == "error"
    ]


@pytest.mark.timeout(300)
def test_what_the_typing_files_assert_is_so_for_mypy(tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "mypy", "--strict", "--cache-dir", str(tmp_path), *map(str, FILES)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "functions-framework/functions_framework/py.typed").is_file()
