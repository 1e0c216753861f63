"""`make bench`: the performance table, ours and the anchor in one run, as ratios with both absolute figures.

The machine is shared and noisy: rows interleave both sides and quote medians. No figure here fails a test.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import google, memory
from tests.e2e import platform

ROUNDS = 7


def row(name: str, ours: float, theirs: float | None, unit: str, bar: str) -> None:
    """Print one row: ours, the anchor, the ratio and the bar."""
    beside = f"{theirs:10.1f} {unit}   ratio {ours / theirs:6.3f}" if theirs else f"{'':>10}"
    print(f"{name:<44} {ours:10.1f} {unit} {beside}   bar {bar}", flush=True)


def cold() -> None:
    """From zero to the first byte through the gateway, beside the published framework's spawn to first 200."""
    with tempfile.TemporaryDirectory() as folder, platform.started() as there:
        functions = google.sources(Path(folder))
        there.apply(platform.inline("hello", google.HELLO.replace("def hello", "def main")))
        there.ofn("apply", "-f", "samples/digits", "--wait", timeout=600)
        for name, bar in (("hello", "<= 1/3"), ("digits", "<= 1/8")):
            source, target, body = functions[name]
            address, mine, theirs = there.address(name), [], []
            for _ in range(ROUNDS):
                until_zero(there, name)
                mine.append(cold_once(address, body))
                with google.served(source, target, body) as (_, _, seconds):
                    theirs.append(seconds)
            mine_ms, theirs_ms = statistics.median(mine) * 1000, statistics.median(theirs) * 1000
            row(f"cold start, {name}: p50 of {ROUNDS}", mine_ms, theirs_ms, "ms", bar)
        idle_memory(there, functions)


def until_zero(there: platform.Platform, name: str) -> None:
    """Wait until a function has no Pod."""
    platform.until(lambda: not pods(there, name), seconds=90, what=f"{name} at zero", every=0.2)


def cold_once(address: str, body: bytes | None) -> float:
    """Seconds of one request to a function at zero; it must say that it was held."""
    answer = platform.request(
        address, body=body, headers={"Content-Type": "application/json"} if body else {}
    )
    assert answer.status == 200, answer
    assert "x-ofn-cold-start" in answer.headers, "the function was not at zero"
    return answer.seconds


def pods(there: platform.Platform, name: str) -> list[object]:
    """The Pods of one function."""
    found: list[object] = there.json(
        "pods", "-l", f"openfunction.io/function={name},serving.knative.dev/revision"
    )["items"]
    return found


def idle_memory(there: platform.Platform, functions: dict[str, tuple[Path, str, bytes | None]]) -> None:
    """Private memory of an idle instance, beside the process tree of the published framework; templates beside."""
    for name in ("hello", "digits"):
        source, target, body = functions[name]
        cold_or_warm = platform.request(
            there.address(name), body=body, headers={"Content-Type": "application/json"}
        )
        assert cold_or_warm.status == 200, cold_or_warm
        lines = [line for line in platform.processes_of(there.home) if "functions_framework" in line]
        pids = [int(line.split(":")[0]) for line in lines if f"K_SERVICE={name}-ksvc" in environ(line)]
        templates = [int(line.split(":")[0]) for line in lines if "functions_framework.template" in line]
        children = [pid for pid in pids if pid not in templates] or _children(templates, name)
        mine = max((memory.uss(pid) for pid in children), default=0)
        with google.served(source, target, body) as (_, pid, _):
            theirs = sum(memory.uss(one) for one in memory.tree(pid))
        row(f"USS of an idle instance, {name}", mine / 1024, theirs / 1024, "MiB", "<= 1/5")
        shown = ", ".join(f"{memory.uss(pid) / 1024:.1f}/{memory.pss(pid) / 1024:.1f}" for pid in templates)
        print(f"    templates, USS/PSS MiB: {shown}")


def environ(line: str) -> str:
    """The environment of the process a line names."""
    try:
        return Path(f"/proc/{line.split(':', maxsplit=1)[0]}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _children(templates: list[int], name: str) -> list[int]:
    del name
    return [pid for template in templates for pid in memory.tree(template) if pid != template]


def cli() -> None:
    """`ofn get functions` from shell to exit, beside kubectl with its discovery cached."""
    client = platform.kubectl()
    assert client, "kubectl is not installed"
    with platform.started() as there:
        there.apply(platform.inline("one", "def main(request):\n    return 'x'\n"))
        ofn = [str(Path(sys.executable).with_name("ofn")), "get", "functions"]
        theirs = [client, f"--kubeconfig={there.home / 'kubeconfig'}", "get", "functions"]
        times: dict[str, list[float]] = {"ofn": [], "kubectl": []}
        environment = {k: v for k, v in there.environ.items() if not k.startswith("PYTHON")}
        for _ in range(15):
            for name, command in (("ofn", ofn), ("kubectl", theirs)):
                begun = time.perf_counter()
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
                times[name].append(time.perf_counter() - begun)
        mine, other = (statistics.median(values[1:]) * 1000 for values in times.values())
        row("ofn get functions | kubectl get functions", mine, other, "ms", "<= 3")


def idle(seconds: float = 60) -> None:
    """Time to ready of `ofn up`; CPU and memory of a platform without a Function."""
    begun = time.perf_counter()
    with platform.started(fast=False) as there:
        ready = time.perf_counter() - begun
        row("ofn up, ready", ready, None, "s", "<= 3 s")
        memory.pause(seconds)
        pids = [pid for root in there.pids().values() for pid in memory.tree(root)]
        before = {pid: memory.cpu_seconds(pid) for pid in set(pids)}
        begun = time.perf_counter()
        memory.pause(20)
        used = sum(memory.cpu_seconds(pid) - start for pid, start in before.items()) / (
            time.perf_counter() - begun
        )
        row(f"idle CPU {seconds:.0f} s after start, % of a core", used * 100, None, "%", "<= 2 %")
        row(
            "idle memory, sum of PSS", sum(memory.pss(pid) for pid in before) / 1024, None, "MiB", "<= 300 MB"
        )


ROWS: dict[str, Callable[[], None]] = {"cold": cold, "cli": cli, "idle": idle}


def main(words: list[str]) -> int:
    """Measure the named rows, or all."""
    unknown = [word for word in words if word not in ROWS]
    if unknown:
        print(f"bench: no row called {', '.join(unknown)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    print(f"ours against functions-framework {google.VERSION} (--source --target, as shipped) and kubectl; python "
          f"{sys.version.split()[0]}, load {json.dumps(Path('/proc/loadavg').read_text().split()[:3])}")  # fmt: skip
    for word in words or list(ROWS):
        ROWS[word]()
    print(f"bench: {len(words or ROWS)} parts measured")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
