"""Google's functions-framework as shipped, in an environment of its own, for a side by side comparison."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import environments, memory
from tests.e2e import platform

VERSION = "3.10.2"
HELLO = "def hello(request):\n    return {'message': 'Hello, World!'}\n"
ROOT = Path(__file__).resolve().parents[2]


def environment() -> Path:
    """The python of an environment that holds the published framework and what the digits sample needs."""
    packages = (f"functions-framework=={VERSION}", "scikit-learn>=1.6,<2", "pillow>=11,<13")
    return environments.made(f"google-{VERSION}", *packages) / "python"


def sources(folder: Path, names: Sequence[str]) -> dict[str, tuple[Path, str, bytes | None]]:
    """The named functions for this framework: source, target, body of a request."""
    makers = {"hello": _hello, "digits": _digits}
    return {name: makers[name](folder / name) for name in names}


def _hello(folder: Path) -> tuple[Path, str, bytes | None]:
    folder.mkdir()
    (folder / "main.py").write_text(HELLO)
    return folder / "main.py", "hello", None


def _digits(folder: Path) -> tuple[Path, str, bytes | None]:
    shutil.copytree(ROOT / "samples/digits", folder)
    subprocess.run(
        [str(environment()), "train.py"],
        cwd=folder,
        check=True,
        env=environments.clean(),
        stdout=subprocess.DEVNULL,
    )
    return folder / "main.py", "classify", b'{"pixels": [' + b",".join([b"0"] * 64) + b"]}"


@contextlib.contextmanager
def served(source: Path, target: str, body: bytes | None) -> Iterator[tuple[str, int, float]]:
    """A running server: its address, pid, and seconds from spawn to its first 200."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(environment().with_name("functions-framework")),
        "--source",
        str(source),
        "--target",
        target,
    ]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=environments.clean(), cwd=source.parent, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/"
    try:
        until_200(address, body)
        yield address, process.pid, time.perf_counter() - begun
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, with all of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill(pid: int) -> None:
    """Kill a process that is somebody else's child."""
    os.kill(pid, signal.SIGKILL)


def until_200(address: str, body: bytes | None) -> None:
    """Ask every millisecond until the server answers."""
    deadline = time.monotonic() + 60
    headers = {"Content-Type": "application/json"} if body else {}
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if platform.request(address, body=body, headers=headers).status == 200:
                return
        memory.pause(0.001)
    raise AssertionError("the published framework did not answer within a minute")
