"""Zero → request → zero, many functions and cycles: no failed request, nothing left over.

Run by `make e2e ARGS=zero`; a small one is part of `make test`.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench import node
from tests.e2e import platform

CODE = "import os\n\ndef main(request):\n    return {'pid': os.getpid(), 'name': os.environ['K_SERVICE']}\n"


def run(*, functions: int = 20, cycles: int = 5) -> None:
    """Do the cycles and print what was seen; an assertion ends it."""
    names = [f"zero-{index:02d}" for index in range(functions)]
    cold: list[float] = []
    seen: set[int] = set()
    with platform.started() as there:
        for name in names:
            there.apply(platform.inline(name, CODE), wait=False)
        for name in names:
            there.apply(platform.inline(name, CODE))
        addresses = {name: there.address(name) for name in names}
        for cycle in range(cycles):
            took = platform.until(
                lambda: not pods(there), seconds=120, what="all functions at zero", every=0.3
            )
            assert not instances(there), f"instances without a Pod: {instances(there)}"
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(platform.request, addresses.values()))
            failed = [answer for answer in answers if answer.status != 200]
            assert not failed, failed[:3]
            cold += [answer.seconds for answer in answers]
            pids = {int(answer.body.split(b":")[1].split(b",")[0]) for answer in answers}
            assert not pids & seen, "an answer came from a process of an earlier cycle"
            seen |= pids
            print(
                f"cycle {cycle + 1}: at zero after {took:.1f} s, {len(answers)} answers, failed 0", flush=True
            )
        for line in templates(there):
            print(line)
        there.ofn("delete", *names)
        platform.until(lambda: not pods(there), seconds=60, what="no Pod after the functions were deleted")
    print(f"e2e zero: {functions} functions x {cycles} cycles, requests {len(cold)}, failed 0, left over 0; "
          f"cold p50 {statistics.median(cold) * 1000:.0f} ms, max {max(cold) * 1000:.0f} ms")  # fmt: skip


def pods(there: platform.Platform) -> list[Any]:
    """Pods of revisions."""
    found: list[Any] = there.json("pods", "-l", "serving.knative.dev/revision")["items"]
    return found


def framework_processes(there: platform.Platform) -> list[int]:
    """Pids of every process of this platform that runs the functions framework."""
    lines = [line for line in platform.processes_of(there.home) if "functions_framework" in line]
    return [int(line.split(":")[0]) for line in lines]


def instances(there: platform.Platform) -> list[int]:
    """Pids of instances: framework processes that the node does not list as templates."""
    known = {one.pid for one in node.ask(there.home, "templates")}
    return [pid for pid in framework_processes(there) if pid not in known]


def templates(there: platform.Platform) -> list[str]:
    """A line per template: what it holds, pid and proportional memory."""
    known = node.ask(there.home, "templates")
    return [f"template of {one.revision or one.note} pid {one.pid} pss {pss(one.pid)} KiB" for one in known]


def pss(pid: int) -> int:
    """Proportional set size of a process in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
