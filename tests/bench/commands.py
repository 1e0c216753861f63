"""Rows about commands and the platform itself: `get`, `up`, an idle platform, the demo.

Whatever they start is ended by them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import environments, google, memory, report
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.e2e import platform

MIB = 1024.0
SETTLED_SECONDS = 60.0
WATCHED_SECONDS = 20.0


def get(plan: Plan) -> None:
    """`ofn get functions` from shell to exit, beside kubectl with its discovery cached."""
    client = platform.kubectl()
    if client is None:
        print("ofn get functions: left out, kubectl is not installed")
        return
    with platform.started() as there:
        there.apply(platform.inline("one", "def main(request):\n    return 'x'\n"))
        commands = {
            "ofn": [str(Path(sys.executable).with_name("ofn")), "get", "functions"],
            "kubectl": [client, f"--kubeconfig={there.home / 'kubeconfig'}", "get", "functions"],
        }
        environment = {key: value for key, value in there.environ.items() if not key.startswith("PYTHON")}
        samples: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(1 + 2 * plan.rounds):
            for name, command in commands.items():
                seconds = _timed(command, environment)
                if number:  # the first of each fills its caches
                    samples[name].append(seconds * 1000)
        report.row(
            "ofn get functions", "ms", "<= 3",
            Side(samples["ofn"], "ofn get functions"),
            Side(samples["kubectl"], f"{Path(client).name} get functions, discovery cached"),
        )  # fmt: skip


def _timed(command: Sequence[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def up(plan: Plan) -> None:
    """The time `ofn up -d` takes until the platform is ready, in a fresh home each time."""
    samples = []
    for _ in range(min(plan.rounds, 3)):
        begun = time.perf_counter()
        with platform.started(fast=False):
            samples.append(time.perf_counter() - begun)
    report.row("ofn up, ready", "s", "<= 3 s", Side(samples, "ofn up -d, an empty home"))


def idle(plan: Plan) -> None:
    """Processor time and memory of a platform without a Function, a minute after its start."""
    del plan  # one sample of 20 s; a longer one is as good as several
    with platform.started(fast=False) as there:
        memory.pause(SETTLED_SECONDS)
        pids = {pid for root in there.pids().values() for pid in memory.tree(root)}
        before = {pid: memory.cpu_seconds(pid) for pid in pids}
        begun = time.perf_counter()
        memory.pause(WATCHED_SECONDS)
        used = sum(memory.cpu_seconds(pid) - start for pid, start in before.items())
        share = used / (time.perf_counter() - begun) * 100
        total = sum(map(memory.pss, pids)) / MIB
        what = f"{len(pids)} processes without a Function, {SETTLED_SECONDS:g} s after ready"
        report.row("idle platform, share of a core", "%", "<= 2 %", Side([share], what))
        report.row("idle platform, sum of PSS", "MiB", "<= 300 MB", Side([total], what))


def demo(plan: Plan) -> None:
    """`make demo` with warm caches: the run before the measured one warms them."""
    del plan
    command = [sys.executable, "samples/demo.py"]
    for _ in range(2):
        begun = time.perf_counter()
        done = subprocess.run(
            command, cwd=google.ROOT, env=environments.clean(), capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            print(f"make demo: failed with {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
            return
    report.row("make demo, warm caches", "s", "<= 180 s", Side([seconds], "samples/demo.py, its second run"))
