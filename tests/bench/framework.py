"""Rows about the framework alone, without the platform: throughput, latency under load, start, fork, connections.

One processor serves, the other one asks; every server is up at once and the slices alternate.
"""

from __future__ import annotations

import json
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.bench import contenders, environments, forks, google, memory, report, slices, steal
from tests.bench.contenders import Contender, Running
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.bench.slices import Slice

MIB = 1024.0
OFFERED = 0.7  # of the published framework's own maximum
OFFERED_SECONDS = 2.0
IDLE_CONNECTIONS = 10_000
# row, ours, anchor, script of the requests, bar on ours / anchor
_RATES = (
    ("async HTTP, as shipped", "async", "google", "", ">= 20"),
    ("async HTTP, --asgi", "async", "google-asgi", "", ">= 4"),
    ("async HTTP, raw ASGI on uvicorn", "async", "uvicorn", "", ">= 1.4"),
    ("def in threads, as shipped", "threads", "google", "", ">= 5"),
    ("def declared inline, as shipped", "inline", "google", "", ">= 22"),
    ("async HTTP, C server", "async", "limit", "", "none, the limit"),
    ("CloudEvent binary", "event", "google-event", "binary", ">= 15"),
    ("CloudEvent structured", "event", "google-event", "structured", ">= 15"),
)


def framework(plan: Plan) -> None:
    """Every row of the framework."""
    if shutil.which("wrk") is None:
        print("framework: left out, wrk is not installed (apt-get install wrk)")
        return
    with tempfile.TemporaryDirectory() as folder:
        known = contenders.known(Path(folder))
        throughput(plan, known, Path(folder))
        latency(plan, known)
        starts(plan, known)
        forks.rows(plan, known["google"])
        connections(known["async"])


def throughput(plan: Plan, known: Mapping[str, Contender], folder: Path) -> None:
    """Requests per second of one worker, 50 kept connections, slices of one second."""
    for name, text in contenders.SCRIPTS.items():
        (folder / f"{name}.lua").write_text(text)
    wanted = {(ours, script) for _, ours, _, script, _ in _RATES} | {
        (theirs, script) for _, _, theirs, script, _ in _RATES
    }
    with contenders.up([known[key] for key in sorted({key for key, _ in wanted})]) as running:
        turns = {
            f"{key} {script}": partial(_load, running[key], folder / f"{script}.lua" if script else None)
            for key, script in sorted(wanted)
        }
        found = slices.taken(turns, plan.rounds)
    for name, ours, theirs, script, bar in _RATES:
        mine, other = found[f"{ours} {script}"], found[f"{theirs} {script}"]
        report.row(
            name, "req/s", bar,
            Side([one.rate for one in mine], known[ours].shown),
            Side([one.rate for one in other], known[theirs].shown),
        )  # fmt: skip
        report.note(f"ours {_detail(mine)}; anchor {_detail(other)}")


def _load(running: Running, script: Path | None) -> Slice:
    words = ["taskset", "-c", contenders.CLIENT_CPU, "wrk", "-t1", "-c50", "-d1s", "--latency"]
    if script is not None:
        words += ["-s", str(script)]
    contenders.rested()
    return slices.wrk([*words, running.address], memory.tree(running.pid))


def _detail(found: list[Slice]) -> str:
    return (
        f"{statistics.median(one.cpu for one in found):.0f} us CPU, "
        f"p50 {statistics.median(one.half for one in found):.2f} ms, "
        f"p99 {statistics.median(one.p99 for one in found):.2f} ms, {len(found)} slices kept"
    )


def latency(plan: Plan, known: Mapping[str, Contender]) -> None:
    """p99 of both at the same offered rate, by an open-loop client, in alternating slices."""
    with contenders.up([known["async"], known["threads"], known["google"]]) as running:
        top = slices.taken({"google": partial(_load, running["google"], None)}, 3)["google"]
        rate = OFFERED * statistics.median(one.rate for one in top)
        turns = {key: partial(_offer, running[key], rate) for key in running}
        found = slices.taken(turns, plan.rounds)
    for key in ("async", "threads"):
        report.row(
            f"p99 at {rate:.0f} req/s offered, {key}", "ms", "<= 1/3",
            Side([one.p99 for one in found[key]], f"{known[key].shown}, open loop"),
            Side([one.p99 for one in found["google"]], f"{known['google'].shown}, open loop"),
        )  # fmt: skip


def _offer(running: Running, rate: float) -> Slice:
    pids = memory.tree(running.pid)
    before, used = steal.read(), sum(map(memory.cpu_seconds, pids))
    done = subprocess.run(
        ["taskset", "-c", contenders.CLIENT_CPU, sys.executable, "-m", "tests.bench.openloop",
         str(running.port), f"{rate:.1f}", str(OFFERED_SECONDS)],
        cwd=google.ROOT, env=environments.clean(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    used = sum(map(memory.cpu_seconds, pids)) - used
    latencies = sorted(json.loads(done.stdout))
    count = len(latencies)
    return Slice(
        rate,
        latencies[count // 2],
        latencies[int(count * 0.99)],
        used / count * 1e6,
        steal.share(before, steal.read()),
    )


def starts(plan: Plan, known: Mapping[str, Contender]) -> None:
    """From exec to the first 200, a client asking every millisecond."""
    turns: dict[str, Callable[[], float]] = {
        key: partial(_first_200, known[key]) for key in ("async", "google")
    }
    found: dict[str, list[float]] = {key: [] for key in turns}
    for number in range(plan.rounds + 1):
        for key, turn in turns.items():
            seconds = turn()
            if number:
                found[key].append(seconds * 1000)
    report.row(
        "first 200 after exec", "ms", "<= 1/2",
        Side(found["async"], known["async"].shown), Side(found["google"], known["google"].shown),
    )  # fmt: skip


def _first_200(contender: Contender) -> float:
    port = contenders.free_port()
    words = [word.replace("{port}", str(port)) for word in contender.command]
    begun = time.perf_counter()
    process = subprocess.Popen(
        words, env=environments.clean(), cwd=contender.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        google.until_200(f"http://127.0.0.1:{port}/", None)
        return time.perf_counter() - begun
    finally:
        google.end(process)


def connections(ours: Contender) -> None:
    """Memory of the server while ten thousand kept connections are idle, each after one request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE_CONNECTIONS + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"idle connections: left out, this shell allows {hard} open files (ulimit -n)")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with contenders.up([ours], cpu=None) as running:
        server = running[ours.key]
        opened = [_asked(server.port) for _ in range(IDLE_CONNECTIONS)]
        memory.pause(1.0)
        total = sum(map(memory.pss, memory.tree(server.pid))) / MIB
        for one in opened:
            one.close()
    report.row(
        f"{IDLE_CONNECTIONS} idle connections, sum of PSS", "MiB", "<= 100 MB", Side([total], ours.shown)
    )


def _asked(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=30)
    line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert line.recv(4096).startswith(b"HTTP/1.1 200"), "an idle connection was not answered"
    return line
