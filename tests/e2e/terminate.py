"""Two instances under load, one of them ended by SIGTERM again and again: no request fails.

Run by `make e2e ARGS=terminate`; a small one is part of `make test`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial

from tests.bench import node
from tests.e2e import load, platform

CODE = "def main(request):\n    return {'got': len(request.data)}\n"
SECONDS = 300.0
SUCCESSOR_SECONDS = 200.0  # the pause between restarts doubles, as the kubelet's does
NAME = "ended"


def run(*, ends: int = 10, requests: int = 20_000) -> None:
    """Print how many requests were answered while instances were ended; an assertion ends it."""
    with platform.started() as there:
        there.apply(platform.inline(NAME, CODE, scaleOptions={"minReplicas": 2, "maxReplicas": 2}))
        platform.until(lambda: len(instances(there)) == 2, seconds=60, what="two instances")
        seen, ended = asyncio.run(_under_load(there, ends, requests))
    print(
        f"e2e terminate: {len(ended)} instances ended by SIGTERM during {seen.answered} requests on kept and fresh "
        f"connections; failed {seen.failed}"
    )
    assert not seen.failed, seen.failures[:5]
    assert len(ended) == ends


def instances(there: platform.Platform) -> set[int]:
    """The pids that serve the function."""
    return {one.pid for one in node.ask(there.home, "instances") if one.revision.startswith(f"{NAME}-ksvc-")}


async def _under_load(there: platform.Platform, ends: int, requests: int) -> tuple[load.Seen, list[int]]:
    """Ends one instance, waits for its successor, and again, spread over the requests."""
    ended: list[int] = []
    async with load.calling(there.address(NAME), timeout=30) as seen:
        for number in range(ends):
            due = number * requests // ends
            await load.until(partial(_answered, seen, due), timeout=SECONDS, what=f"{due} answers")
            before = await asyncio.to_thread(instances, there)
            ended.append(min(before))
            os.kill(ended[-1], signal.SIGTERM)
            await _replaced(there, ended[-1])
        await load.until(partial(_answered, seen, requests), timeout=SECONDS, what=f"{requests} answers")
    return seen, ended


def _answered(seen: load.Seen, count: int) -> bool:
    return seen.answered >= count


async def _replaced(there: platform.Platform, gone: int) -> None:
    def is_so() -> bool:
        now = instances(there)
        return gone not in now and len(now) == 2

    await asyncio.to_thread(
        platform.until, is_so, seconds=SUCCESSOR_SECONDS, what=f"a successor of instance {gone}"
    )
