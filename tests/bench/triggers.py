"""The row about many triggers on one bus: what an event costs the dispatcher when one of 10 or of 10,000 matches."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from openfunction_eventing.documents import Dispatcher, Input, Journal, Subscriber, Trigger
from tests.bench import contenders, flood, report, slices, started, steal
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.bench.slices import Slice
from tests.eventing import brokers, programs

MANY, FEW = 10_000, 10
EVENTS = 1500
_A_FILE = 500
_SECONDS = 60.0
_LONGEST = 40.0  # seconds after which no round begins


@dataclass
class Bus:
    """A dispatcher with so many triggers on a topic of its own."""

    name: str
    url: str
    pid: int
    kept: Path
    sent: int = 0

    def turn(self, count: int) -> Slice:
        """Publish events; processor time of the dispatcher for each, in µs, until all are acknowledged."""
        before, pids = steal.read(), {"dispatcher": self.pid}
        used = started.used(pids)["dispatcher"]
        flood.run(flood.fill(self.url, self.name, self.sent, count))
        self.sent += count
        flood.run(flood.until_settled(self.url, self.name, _SECONDS))
        cost = (started.used(pids)["dispatcher"] - used) / count * 1e6
        return Slice(0.0, 0.0, 0.0, cost, steal.share(before, steal.read()))

    def checked(self) -> str:
        """Every event reached the one subscriber, or the row is none."""
        ids = self.kept.read_text().split()
        mine = [one for one in ids if one.startswith(f"{self.name}-")]
        assert len(set(mine)) == self.sent, (
            f"{self.name}: {len(set(mine))} of {self.sent} events were delivered"
        )
        return f"{self.name}: sent {self.sent}, delivered {len(mine)}"


def triggers(plan: Plan, *, many: int = MANY, events: int = EVENTS) -> None:
    """Both dispatchers on one broker, in turn."""
    with tempfile.TemporaryDirectory() as text, contextlib.ExitStack() as stack:
        folder, broker = Path(text), brokers.Nats(Path(text) / "nats")
        stack.enter_context(brokers.running(broker))
        port = contenders.free_port()
        stack.enter_context(started.keeping(folder / "sink", port))
        sink = f"http://127.0.0.1:{port}/"
        few = stack.enter_context(_dispatcher(folder, broker, "few", FEW, sink))
        lots = stack.enter_context(_dispatcher(folder, broker, "many", many, sink))
        turns: dict[str, Callable[[], Slice]] = {
            "many": partial(lots.turn, events), "few": partial(few.turn, events)
        }  # fmt: skip
        found = slices.taken(turns, plan.rounds, seconds=_LONGEST)
        told = [lots.checked(), few.checked()]
    what = "python -m openfunction_eventing.dispatcher, one trigger of {} matches"
    report.row(
        f"an event with {many} triggers on its bus", "us", "<= 3",
        Side([one.cpu for one in found["many"]], what.format(many)),
        Side([one.cpu for one in found["few"]], what.format(FEW)),
    )  # fmt: skip
    report.note(
        "processor time of the dispatcher, POST to the function, reply and acknowledgement included; filters a third "
        f"each exact, CEL on data, prefix; {'; '.join(told)}; default sync"
    )


@contextlib.contextmanager
def _dispatcher(folder: Path, broker: brokers.Broker, name: str, count: int, sink: str) -> Iterator[Bus]:
    flood.run(flood.make(broker.url, name))
    config, port = folder / name, contenders.free_port()
    journal = Journal(str(config / "journal"))
    settings = Dispatcher("bus", name, port=port, journal=journal)
    programs.write(config, "settings", settings, programs.component(broker.url))
    made = list(_triggers(name, count, sink))
    for first in range(0, count, _A_FILE):
        programs.write(config, f"triggers-{first}", *made[first : first + _A_FILE])
    with started.process(started.eventing("dispatcher", config), folder / f"{name}.log") as process:
        started.answers(port, "readyz", 120.0)
        yield Bus(name, broker.url, process.pid, folder / "sink" / "kept")


def _triggers(topic: str, count: int, sink: str) -> Iterator[Trigger]:
    """The first takes the events of `flood`; no other does."""
    inputs = (Input("order", topic),)
    for number in range(count):
        kind = flood.TYPE if number == 0 else f"kind-{number}"
        dialects: list[dict[str, Any]] = [
            {"exact": {"type": kind}},
            {"cel": f"data.kind == '{kind}'"},
            {"prefix": {"source": f"/{kind}/"}},
        ]
        subscriber = Subscriber("order", (dialects[number % len(dialects)],), sink=sink)
        yield Trigger("default", f"t-{number}", inputs=inputs, subscribers=(subscriber,))
