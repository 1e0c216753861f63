"""A whole platform for a test: started from the command line in a home of its own, ended by the same."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
FAST_SCALING = """
apiVersion: v1
kind: ConfigMap
metadata: {name: config-autoscaler, namespace: knative-serving}
data: {stable-window: 6s, scale-to-zero-grace-period: 1s}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers in lower case, body, seconds it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Platform:
    """A platform in a home of its own; every command runs as a user would type it."""

    def __init__(self, home: Path) -> None:
        """Use the given home."""
        self.home = home
        drop = {"OFN_CONTEXT", "OFN_HOME", "PYTHONDONTWRITEBYTECODE"}
        self.environ = {key: value for key, value in os.environ.items() if key not in drop}
        self.environ |= {"OFN_HOME": str(home), "KUBECONFIG": str(home.parent / f"{home.name}.kubeconfig")}

    def run(
        self, *words: str, text: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """A command of ofn, whatever comes of it."""
        return subprocess.run(
            [sys.executable, "-m", "openfunction_py.cli", *words],
            input=text, capture_output=True, text=True, env=self.environ, cwd=ROOT, timeout=timeout, check=False,
        )  # fmt: skip

    def ofn(self, *words: str, text: str | None = None, timeout: float = 300) -> str:
        """A command of ofn that must succeed; its data."""
        done = self.run(*words, text=text, timeout=timeout)
        assert done.returncode == 0, (
            f"ofn {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        )
        return done.stdout

    def kubectl(
        self, *words: str, text: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """A command of the real kubectl against this platform."""
        return subprocess.run(
            [kubectl() or "kubectl", f"--kubeconfig={self.home / 'kubeconfig'}", *words],
            input=text, capture_output=True, text=True, env=self.environ, timeout=timeout, check=False,
        )  # fmt: skip

    def json(self, *words: str) -> Any:
        """The document that `ofn get` prints."""
        return json.loads(self.ofn("get", *words, "-o", "json"))

    def logs(self) -> str:
        """The end of every process's log, for a failure's message."""
        found = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2500:]}" for log in found)

    def address(self, name: str, namespace: str = "default") -> str:
        """The External address that every client can resolve."""
        addresses = self.json("functions", name, "-n", namespace)["status"]["addresses"]
        return next(
            str(a["value"]) for a in addresses if a["type"] == "External" and ".localhost" not in a["value"]
        )

    def apply(self, manifest: str | dict[str, Any], *, wait: bool = True) -> None:
        """Apply a manifest and wait until its functions are ready."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        self.ofn("apply", "-f", "-", *(["--wait"] if wait else []), text=text)

    def pids(self) -> dict[str, int]:
        """The pid of every supervised process."""
        found = {}
        for role in ("supervisor", "control", "node", "gateway"):
            with contextlib.suppress(FileNotFoundError):
                found[role] = int(json.loads((self.home / "run" / f"{role}.pid").read_text())["pid"])
        return found


@contextlib.contextmanager
def started(*words: str, fast: bool = True) -> Iterator[Platform]:
    """A running platform, `ofn up` given more words; its home is removed afterwards, and all its processes are gone."""
    home = Path(tempfile.mkdtemp(prefix="ofn-e2e-"))
    platform = Platform(home)
    try:
        platform.ofn("up", "-d", "--port", "0", "--api-port", "0", *words)
        if fast:
            platform.ofn("apply", "-f", "-", text=FAST_SCALING)
        yield platform
    finally:
        platform.run("down", "--purge")
        left = processes_of(home)
        shutil.rmtree(home, ignore_errors=True)
        Path(platform.environ["KUBECONFIG"]).unlink(missing_ok=True)
    assert not left, f"processes left after ofn down: {left}"


def processes_of(home: Path) -> list[str]:
    """Command lines of processes whose environment names this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                if str(home).encode() in (entry / "environ").read_bytes():
                    found.append(
                        f"{entry.name}: {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()}"
                    )
    return found


def request(
    address: str, *, body: bytes | None = None, headers: dict[str, str] | None = None, timeout: float = 60
) -> Answer:
    """One request on a connection of its own."""
    parts = urlsplit(address)
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST" if body is not None else "GET", path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        found = {key.lower(): value for key, value in answer.getheaders()}
        return Answer(answer.status, found, content, time.perf_counter() - begun)
    finally:
        connection.close()


def until(condition: Callable[[], bool], *, seconds: float, what: str, every: float = 0.1) -> float:
    """Wait until something is so; how long it took. It fails the test after `seconds`."""
    begun, pause = time.monotonic(), threading.Event()
    while not condition():
        assert time.monotonic() - begun < seconds, f"{what}: not so after {seconds:.0f} s"
        pause.wait(every)
    return time.monotonic() - begun


def inline(name: str, code: str, **serving: Any) -> dict[str, Any]:
    """The manifest of a function `main` whose code stands in it."""
    return {
        "apiVersion": "core.openfunction.io/v1beta2",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "image": f"e2e/{name}:v1",
            "build": {"env": {"FUNC_NAME": "main"}, "srcRepo": {"inline": {"main.py": code}}},
            "serving": {"triggers": {"http": {}}, **serving},
        },
    }


def kubectl() -> str | None:
    """The path of kubectl 1.33, or of any kubectl; None when there is none."""
    for name in ("kubectl.1.33", "kubectl"):
        found = shutil.which(name)
        if found and name == "kubectl":
            beside = Path(found).resolve().parent / "kubectl.1.33"
            return str(beside) if beside.exists() else found
        if found:
            return found
    return None
