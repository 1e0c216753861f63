"""Pid files of processes: a reused pid is never mistaken, and an end is an end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from openfunction_py.embedded import pidfiles
from openfunction_py.node import processes

SLEEPER = [sys.executable, "-c", "import signal; print('on', flush=True); signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); signal.pause()",
]


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    return process


def test_a_living_process_is_recalled_from_its_file(tmp_path: Path) -> None:
    identity = processes.identify(os.getpid())
    assert identity is not None
    pidfiles.record(tmp_path / "me.pid", identity)
    assert pidfiles.recall(tmp_path / "me.pid") == identity


def test_a_reused_pid_is_not_the_process_that_was_recorded(tmp_path: Path) -> None:
    pidfiles.record(tmp_path / "old.pid", processes.Identity(os.getpid(), "1", processes.boot_id()))
    assert pidfiles.recall(tmp_path / "old.pid") is None


def test_a_damaged_file_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "x.pid").write_text("{")
    assert pidfiles.recall(tmp_path / "x.pid") is None


def test_a_process_that_listens_is_asked_to_stop() -> None:
    with spawn(SLEEPER) as process:
        identity = processes.identify(process.pid)
        assert identity is not None
        assert pidfiles.end(identity, grace=10) is False
        assert process.wait() == -15


def test_a_process_that_does_not_listen_is_killed() -> None:
    with spawn(STUBBORN) as process:
        identity = processes.identify(process.pid)
        assert identity is not None
        assert pidfiles.end(identity, grace=0.1) is True
        assert process.wait() == -9
