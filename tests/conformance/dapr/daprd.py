"""A real daprd as a process: its components, its flags, its end. Everything listens on loopback alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import require

TOKENS = {"DAPR_API_TOKEN": "to-the-sidecar", "APP_API_TOKEN": "to-the-app"}


def program() -> str:
    """The built daprd; ends the test without one."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    tools = Path(os.environ.get("OFN_TOOLS") or f"{cache}/openfunction/tools")
    found = tools / "bin" / "daprd"
    if not found.is_file():
        require.missing(
            "daprd is not built; `tools/dapr/build.sh` does it, then `make conformance ARGS=dapr` runs"
        )
    return str(found)


def redis() -> str:
    """redis-server; ends the test without one."""
    found = shutil.which("redis-server")
    if found is None:
        require.missing(
            "redis-server is not installed (package redis-server); configuration and locks need it"
        )
    return found


def until(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Return once it holds; another process tells of nothing, so it is asked again and again."""
    pause, ends = threading.Event(), time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not in time: {what}"
        pause.wait(0.02)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def component(name: str, kind: str, **metadata: Any) -> dict[str, Any]:
    """A Component document."""
    values = [{"name": key, "value": str(value)} for key, value in metadata.items()]
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {"type": kind, "version": "v1", "metadata": values},
    }


def retrying(name: str) -> dict[str, Any]:
    """A Resiliency document: what comes of this component is delivered again when the function fails."""
    policy = {"policy": "constant", "duration": "100ms", "maxRetries": 5}
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Resiliency",
        "metadata": {"name": "again"},
        "spec": {
            "policies": {"retries": {"again": policy}},
            "targets": {"components": {name: {"inbound": {"retry": "again"}}}},
        },
    }


@dataclass
class Daprd:
    """One sidecar; it may be stopped and started again on the same ports."""

    folder: Path
    app_port: int
    protocol: str
    components: list[dict[str, Any]]
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    process: subprocess.Popen[bytes] | None = None

    def write(self) -> None:
        """The files that it reads."""
        names = self.folder / "names.db"
        resolution = {
            "component": "sqlite",
            "version": "v1",
            "configuration": {"connectionString": str(names)},
        }
        configuration = {
            "apiVersion": "dapr.io/v1alpha1",
            "kind": "Configuration",
            "metadata": {"name": "test"},
            "spec": {"nameResolution": resolution, "metric": {"enabled": False}},
        }
        (self.folder / "resources").mkdir(exist_ok=True)
        for one in self.components:
            path = self.folder / "resources" / f"{one['metadata']['name']}.yaml"
            path.write_text(json.dumps(one))  # JSON is YAML
        (self.folder / "config.yaml").write_text(json.dumps(configuration))

    def program(self) -> list[str]:
        """The words that start it."""
        return [program()]

    def start(self) -> None:
        """Start it; it is up when its health answers, which the function waits for."""
        http_port, grpc_port, internal_port = self.ports
        log = (self.folder / "daprd.log").open("ab")
        self.process = subprocess.Popen(
            [*self.program(), "--mode", "standalone", "--app-id", "app", "--config", str(self.folder / "config.yaml"),
             "--resources-path", str(self.folder / "resources"), "--app-port", str(self.app_port),
             "--app-protocol", self.protocol, "--app-channel-address", "127.0.0.1",
             "--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port),
             "--dapr-internal-grpc-port", str(internal_port), "--dapr-internal-grpc-listen-address", "127.0.0.1",
             "--dapr-listen-addresses", "127.0.0.1", "--enable-metrics=false", "--dapr-graceful-shutdown-seconds", "1"],
            stdout=log, stderr=log, env={**os.environ, **TOKENS, "DAPR_HOST_IP": "127.0.0.1"},
        )  # fmt: skip
        log.close()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


class Ours(Daprd):
    """Our sidecar, with the flags and the documents of daprd."""

    # What it has no component for; docs/dapr.md says so.
    LACKS = frozenset({"configuration.redis", "lock.redis"})

    def program(self) -> list[str]:
        """The words that start it."""
        return [sys.executable, "-m", "openfunction_eventing.sidecar"]

    def write(self) -> None:
        """The files that it reads."""
        self.components = [one for one in self.components if one["spec"].get("type") not in self.LACKS]
        super().write()
