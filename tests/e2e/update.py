"""Update under load: kept and fresh connections, GET and POST, until each of two revisions has answered enough.

Run by `make e2e ARGS=update`; a small one is part of `make test`.
"""

from __future__ import annotations

import asyncio

from tests.e2e import load, platform

CODE = "def main(request):\n    return {'said': '%s', 'got': len(request.data)}\n"
SECONDS = 300.0


def run(*, answers: int = 5000) -> None:
    """Update a function under load and print who answered; an assertion ends it."""
    with platform.started() as there:
        there.apply(platform.inline("moving", CODE % "old"))
        seen = asyncio.run(update(there, there.address("moving"), answers))
    report(seen)


async def update(there: platform.Platform, address: str, answers: int) -> load.Seen:
    """Apply a new source once the old revision has answered enough; end when the new one has."""
    async with load.calling(address, timeout=30) as seen:
        await load.answers_from(seen, 1, answers, timeout=SECONDS)
        await asyncio.to_thread(there.apply, platform.inline("moving", CODE % "new"))
        await load.answers_from(seen, 2, answers, timeout=SECONDS)
    return seen


def report(seen: load.Seen) -> None:
    """Print counts per revision; fail when a request failed or the old revision answered too late."""
    old, new = sorted(seen.counts)[:2]
    late = seen.overlap(old, new)
    print(
        f"e2e update: answered {old} {seen.counts[old]}, {new} {seen.counts[new]}; failed {seen.failed}; "
        f"the last request that {old} answered was sent {late:+.2f} s after the first answer of {new}"
    )
    assert not seen.failed, seen.failures[:5]
    assert late < 1, f"the old revision still answered {late:.2f} s after the new one began"
