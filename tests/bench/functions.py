"""Rows about functions: cold start, private memory of an idle instance, warm requests through the gateway.

Each row does the same to both sides, in turn.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import google, memory, node, report
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.e2e import platform

IDLE_SECONDS = 4.0  # less than the window after which an instance goes
COLD_BARS = {"hello": "<= 1/3", "digits": "<= 1/8"}
MIB = 1024.0
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Subject:
    """One function as both sides serve it."""

    name: str
    address: str
    source: Path
    target: str
    body: bytes | None

    @property
    def anchor(self) -> str:
        """How the published framework is started on it."""
        return f"functions-framework --source {self.source.name} --target {self.target}"

    def ask(self) -> platform.Answer:
        """One request through the gateway."""
        answer = platform.request(self.address, body=self.body, headers=_JSON if self.body else {})
        assert answer.status == 200, answer
        return answer


@contextmanager
def subjects(plan: Plan) -> Iterator[tuple[platform.Platform, list[Subject]]]:
    """A platform that has the planned functions, and their sources for the other side."""
    with tempfile.TemporaryDirectory() as folder, platform.started() as there:
        known = google.sources(Path(folder), plan.functions)
        if "hello" in known:
            there.apply(platform.inline("hello", google.HELLO.replace("def hello", "def main")))
        if "digits" in known:
            there.ofn("apply", "-f", "samples/digits", "--wait", timeout=600)
        yield there, [Subject(name, there.address(name), *about) for name, about in known.items()]


def cold(plan: Plan) -> None:
    """From zero to the first byte through the gateway, beside the published framework's spawn to its first 200."""
    with subjects(plan) as (there, found):
        for one in found:
            ours, theirs = [], []
            for _ in range(plan.rounds):
                ours.append(_wake(there, one) * 1000)
                with google.served(one.source, one.target, one.body) as (_, _, seconds):
                    theirs.append(seconds * 1000)
            report.row(
                f"cold start, {one.name}", "ms", COLD_BARS[one.name],
                Side(ours, "one request through the gateway to a function at zero"),
                Side(theirs, f"spawn to first 200 of {one.anchor}"),
            )  # fmt: skip


def idle_instance(plan: Plan) -> None:
    """Private memory of an instance that answered one request and then idled, beside the other process tree."""
    with subjects(plan) as (there, found):
        for one in found:
            ours, theirs, templates = [], [], []
            for _ in range(plan.rounds):
                _wake(there, one)
                memory.pause(IDLE_SECONDS)
                info = node.instance(there.home, one.name)
                ours.append(sum(map(memory.uss, memory.tree(info.pid))) / MIB)
                if (template := node.template(there.home, info.revision)) is not None:
                    templates.append((memory.uss(template.pid) / MIB, memory.pss(template.pid) / MIB))
                with google.served(one.source, one.target, one.body) as (_, pid, _):
                    memory.pause(IDLE_SECONDS)
                    theirs.append(sum(map(memory.uss, memory.tree(pid))) / MIB)
            report.row(
                f"USS of an idle instance, {one.name}", "MiB", "<= 1/5",
                Side(ours, f"the node's instance, {IDLE_SECONDS:g} s after its one request, {info.runtime}"),
                Side(theirs, f"the process tree of {one.anchor}, {IDLE_SECONDS:g} s after its first 200"),
            )  # fmt: skip
            for uss, pss in templates[-1:]:
                report.note(f"its template beside it: USS {uss:.1f} MiB, PSS {pss:.1f} MiB")


def warm(plan: Plan) -> None:
    """Requests per second and latency of the warm hello function: for information, without a bar."""
    generator = report.wrk()
    if generator is None:
        print("warm requests: left out, wrk is not installed")
        return
    with subjects(plan) as (_, found):
        for one in (one for one in found if one.body is None):
            ours, theirs = [], []
            for _ in range(min(plan.rounds, 3)):
                one.ask()
                ours.append(_load(generator, one.address))
                with google.served(one.source, one.target, one.body) as (address, _, _):
                    theirs.append(_load(generator, address))
            words = f"wrk -t1 -c50 -d3s --latency, {one.name}"
            for place, unit, what in ((0, "req/s", "warm requests"), (1, "ms", "warm latency p50")):
                report.row(
                    f"{what}, {one.name}", unit, "none, for information",
                    Side([sample[place] for sample in ours], f"{words} through the gateway"),
                    Side([sample[place] for sample in theirs], f"{words} to {one.anchor} directly"),
                )  # fmt: skip


def _wake(there: platform.Platform, one: Subject) -> float:
    """Wait for zero, then the seconds of one request, answered by a process that started after it."""
    platform.until(lambda: not _pods(there, one.name), seconds=90, what=f"{one.name} at zero", every=0.2)
    begun = time.clock_gettime(time.CLOCK_BOOTTIME)
    answer = one.ask()
    assert "x-ofn-cold-start" in answer.headers, f"{one.name} was not at zero"
    started = memory.started(node.instance(there.home, one.name).pid)
    assert started > begun - memory.TICK, f"the instance of {one.name} is older than the request"
    return answer.seconds


def _pods(there: platform.Platform, name: str) -> list[object]:
    found: list[object] = there.json(
        "pods", "-l", f"openfunction.io/function={name},serving.knative.dev/revision"
    )["items"]
    return found


def _load(generator: str, address: str) -> tuple[float, float]:
    """Requests per second and median latency in milliseconds."""
    done = subprocess.run(
        [generator, "-t1", "-c50", "-d3s", "--latency", address], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in done.stdout, done.stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    half = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", done.stdout)
    assert rate is not None, done.stdout
    assert half is not None, done.stdout
    return float(rate[1]), float(half[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[half[2]]
