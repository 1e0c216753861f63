"""Commands of ofn as a user types them, where no platform is needed: sentences and exit codes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openfunction_py.cli import main
from tests import require


class Shell:
    """Runs ofn with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith("OFN_")}
        self.environ |= {"OFN_HOME": str(folder / "home"), "KUBECONFIG": str(folder / "kubeconfig")}

    def __call__(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """One command."""
        return subprocess.run(
            [sys.executable, "-m", "openfunction_py.cli", *words],
            env={**self.environ, **environ}, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def ofn(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("get", "functions"),
        ("invoke", "x"),
        ("apply", "-f", "-"),
        ("delete", "x"),
        ("why", "e"),
        ("publish", "x"),
    ],
)
def test_without_a_platform_a_command_says_how_to_get_one(ofn: Shell, words: tuple[str, ...]) -> None:
    done = ofn(*words)
    assert done.returncode == 4
    assert "ofn up -d" in done.stderr
    assert "--context" in done.stderr


def test_publish_names_an_attribute_that_no_event_can_have(ofn: Shell) -> None:
    done = ofn("publish", "door", "--attribute", "Upper=1")
    assert done.returncode == 2
    assert "name=value" in done.stderr


def test_a_context_that_is_not_there_is_named(ofn: Shell) -> None:
    for words in (("get", "fn", "--context", "away"), ("--context", "away", "get", "fn")):
        done = ofn(*words)
        assert done.returncode == 4
        assert "away" in done.stderr
    assert "away" in ofn("get", "fn", OFN_CONTEXT="away").stderr


def test_new_makes_a_folder_that_can_be_applied(ofn: Shell) -> None:
    done = ofn("new", "greeter")
    assert done.returncode == 0
    assert done.stdout.strip() == "greeter"
    assert {path.name for path in (ofn.folder / "greeter").iterdir()} == {
        "main.py",
        "requirements.txt",
        "function.yaml",
    }


def test_new_does_not_write_over_a_folder(ofn: Shell) -> None:
    ofn("new", "greeter")
    done = ofn("new", "greeter")
    assert done.returncode == 1
    assert "not empty" in done.stderr


@pytest.mark.parametrize("name", ["bad/name", "Upper", "-x", "x" * 42])
def test_new_refuses_what_is_no_name_of_a_function(ofn: Shell, name: str) -> None:
    done = ofn("new", "--", name)
    assert done.returncode == 1
    assert "is no name for a Function" in done.stderr


def test_run_says_why_a_folder_cannot_be_built(ofn: Shell) -> None:
    (ofn.folder / "broken").mkdir()
    (ofn.folder / "broken" / "main.py").write_text("def main(:\n")
    done = ofn("run", "broken", OFN_CACHE=str(ofn.folder / "cache"))
    assert done.returncode == 5
    assert "SyntaxError: main.py:1" in done.stderr


def test_up_names_a_port_that_is_taken(ofn: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ofn("up", "-d", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "of the gateway is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_says_how_to_get_a_daprd_that_is_not_there(ofn: Shell) -> None:
    done = ofn("up", "-d", "--port", "0", "--dapr", "daprd", OFN_TOOLS=str(ofn.folder), OFN_DAPRD="/nowhere")
    assert done.returncode == 1
    assert "OFN_DAPRD names /nowhere" in done.stderr
    assert "tools/dapr/build.sh" in done.stderr
    assert "Traceback" not in done.stderr
    assert ofn("up", "--dapr", "other").returncode == 2


def test_doctor_says_whether_there_is_a_daprd(ofn: Shell) -> None:
    done = ofn("doctor", OFN_DAPRD="/nowhere")
    assert "missing  daprd: tools/dapr/build.sh builds it" in done.stdout
    (ofn.folder / "daprd").write_text("#!/bin/sh\n")
    (ofn.folder / "daprd").chmod(0o755)
    assert "ok       daprd: " in ofn("doctor", OFN_DAPRD=str(ofn.folder / "daprd")).stdout


def test_up_names_a_home_that_cannot_be_made(ofn: Shell) -> None:
    (ofn.folder / "file").write_text("")
    done = ofn("up", "-d", "--port", "0", OFN_HOME=str(ofn.folder / "file" / "home"))
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 300 KiB; the test is skipped where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        require.missing("a small file system cannot be mounted; run the suite as root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_up_says_that_the_disk_is_full(ofn: Shell) -> None:
    with small_disk(ofn.folder / "disk") as disk:
        done = ofn("up", "-d", "--port", "0", OFN_HOME=str(disk / "home"))
    assert done.returncode == 1
    assert "MB left" in done.stderr
    assert "Traceback" not in done.stderr


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder that takes no writes: by its mode, or for root as a mount."""
    if os.getuid():
        folder.mkdir(mode=0o555)
        yield folder
        return
    with small_disk(folder):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder


def test_up_names_a_home_that_cannot_be_written(ofn: Shell) -> None:
    with read_only(ofn.folder / "fixed") as folder:
        done = ofn("up", "-d", "--port", "0", OFN_HOME=str(folder / "home"))
    assert done.returncode == 1
    assert "is not writable" in done.stderr or "cannot be used: Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr


def test_down_without_a_home_says_so(ofn: Shell) -> None:
    assert ofn("down").returncode == 4


def test_doctor_names_what_is_missing_and_what_brings_it(ofn: Shell) -> None:
    done = ofn("doctor", PATH="/nonexistent")
    assert done.returncode == 0
    assert "missing  git: apt-get install git" in done.stdout


def test_doctor_says_which_other_framework_is_installed_and_what_removes_it(
    ofn: Shell, tmp_path: Path
) -> None:
    assert "ok       functions framework: functions_framework is ours" in ofn("doctor").stdout
    (tmp_path / "site" / "functions_framework-3.8.1.dist-info").mkdir(parents=True)
    said = ofn("doctor", PYTHONPATH=str(tmp_path / "site")).stdout
    assert "missing  functions framework: functions-framework 3.8.1 is installed beside" in said
    assert "`python -m pip uninstall -y functions-framework`" in said


def test_doctor_says_what_takes_disk_and_which_command_gives_it_back(ofn: Shell, tmp_path: Path) -> None:
    places = {"home/images/a": 8, "home/node/layers/b": 3, "my caches/uv/c": 5, "my caches/work/d": 2}
    for place, size in places.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(os.urandom(size * 1_000_000))
    (tmp_path / "my caches/work/again").hardlink_to(tmp_path / "my caches/uv/c")
    said = ofn("doctor", OFN_CACHE=str(tmp_path / "my caches")).stdout
    assert f"{tmp_path}/home, 11 MB (image store 8 MB, unpacked 3 MB); `ofn down --purge`" in said
    assert f"{tmp_path}/my caches, 7 MB (downloads of uv 5 MB)" in said
    assert f"`rm -r '{tmp_path}/my caches'`" in said


def test_version_prints_without_a_platform(ofn: Shell) -> None:
    assert ofn("version").stdout.startswith("ofn ")


@pytest.mark.parametrize("command", list(main.COMMANDS))
def test_every_help_page_has_an_example(ofn: Shell, command: str) -> None:
    done = ofn(command, "--help")
    assert done.returncode == 0
    assert "Example: ofn " in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(ofn: Shell, shell: str) -> None:
    words = {"bash": {"COMP_WORDS": "ofn ge", "COMP_CWORD": "1"}, "zsh": {"_TYPER_COMPLETE_ARGS": "ofn ge"}}
    fish = {"_TYPER_COMPLETE_ARGS": "ofn ge", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = ofn(**words.get(shell, fish), _OFN_COMPLETE=f"complete_{shell}")
    assert "get" in done.stdout
