"""Which Python the project's environments are made of (tools/python.sh), with made-up interpreters."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def interpreter(path: Path, *, new: bool) -> Path:
    """A command that says whether it is 3.12 or newer, as the script asks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {int(not new)}\n")
    path.chmod(0o755)
    return path


def chosen(folder: Path, **environ: str) -> str:
    """What the script prints where only these commands are, and the shell's own."""
    for name in ("bash", "env"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        [ROOT / "tools/python.sh"],
        env={"PATH": str(folder), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_python3_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    interpreter(tmp_path / "python3", new=True)
    interpreter(tmp_path / "python3.13", new=True)
    assert chosen(tmp_path) == "python3"


def test_beside_an_older_python3_the_newest_by_name_is_taken(tmp_path: Path) -> None:
    for name in ("python3.12", "python3.13"):
        interpreter(tmp_path / name, new=True)
    interpreter(tmp_path / "python3", new=False)
    assert chosen(tmp_path) == "python3.13"


def test_one_that_pyenv_keeps_is_taken(tmp_path: Path) -> None:
    interpreter(tmp_path / "python3", new=False)
    kept = interpreter(tmp_path / "versions/3.12.9/bin/python3", new=True)
    assert chosen(tmp_path, PYENV_ROOT=str(tmp_path)) == str(kept)


def test_without_a_newer_one_python3_is_taken(tmp_path: Path) -> None:
    interpreter(tmp_path / "python3", new=False)
    assert chosen(tmp_path) == "python3"


def test_the_one_that_is_named_is_taken(tmp_path: Path) -> None:
    assert chosen(tmp_path, PYTHON="python3.11") == "python3.11"
