"""Update under load: kept and fresh connections, GET and POST, until each of two revisions has answered enough.

Run by `make e2e ARGS=update`; a small one is part of `make test`.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.e2e import platform

CODE = "def main(request):\n    return {'said': '%s', 'got': len(request.data)}\n"


@dataclass(slots=True)
class Seen:
    """What one caller saw: answers per revision, the first and last moment of each, and failures."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def note(self, revision: str, sent: float) -> None:
        """Count an answer of a revision to a request that was sent at `sent`."""
        self.counts[revision] += 1
        self.first.setdefault(revision, time.monotonic())
        self.last[revision] = sent


def run(*, answers: int = 5000) -> None:
    """Update a function under load and print who answered; an assertion ends it."""
    with platform.started() as there:
        there.apply(platform.inline("moving", CODE % "old"))
        address = there.address("moving")
        stop, seen = threading.Event(), [Seen() for _ in range(4)]
        ways = [(True, None), (True, b"x" * 1000), (False, None), (False, b"y" * 1000)]
        callers = [
            threading.Thread(target=call, args=(address, stop, one), kwargs={"kept": kept, "body": body})
            for one, (kept, body) in zip(seen, ways, strict=True)
        ]
        for caller in callers:
            caller.start()
        try:
            until_counted(seen, 1, answers)
            there.apply(platform.inline("moving", CODE % "new"))
            until_counted(seen, 2, answers)
        finally:
            stop.set()
            for caller in callers:
                caller.join()
    report(seen)


def until_counted(seen: list[Seen], revisions: int, answers: int) -> None:
    """Wait until so many revisions have answered so often."""

    def enough() -> bool:
        total = sum((one.counts for one in list(seen)), Counter[str]())
        return len([count for count in total.values() if count >= answers]) >= revisions

    platform.until(enough, seconds=300, what=f"{answers} answers of {revisions} revisions", every=0.2)


def call(address: str, stop: threading.Event, seen: Seen, *, kept: bool, body: bytes | None) -> None:
    """Call until told to stop, on one connection or on a fresh one each time."""
    parts = urlsplit(address)
    connection: http.client.HTTPConnection | None = None
    while not stop.is_set():
        connection = connection or http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = time.monotonic()
        try:
            connection.request("POST" if body else "GET", parts.path, body=body)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            seen.failed.append(f"{type(error).__name__}: {error}")
            connection.close()
            connection = None
            continue
        if answer.status == 200:
            seen.note(answer.getheader("x-ofn-revision", "?"), sent)
        else:
            seen.failed.append(f"{answer.status}: {content[:200]!r}")
        if not kept:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def report(seen: list[Seen]) -> None:
    """Print counts per revision; fail when a request failed or the old revision answered too late."""
    total = sum((one.counts for one in seen), Counter[str]())
    failed = [line for one in seen for line in one.failed]
    old, new = sorted(total)[:2]
    first_new = min(one.first[new] for one in seen if new in one.first)
    last_old = max(one.last[old] for one in seen if old in one.last)
    late = last_old - first_new
    print(
        f"e2e update: answered {old} {total[old]}, {new} {total[new]}; failed {len(failed)}; "
        f"the last request that {old} answered was sent {late:+.2f} s after the first answer of {new}"
    )
    assert not failed, failed[:5]
    assert late < 1, f"the old revision still answered {late:.2f} s after the new one began"
