"""`make e2e ARGS=` zero, update, terminate, same, events, async or backlog: end-to-end runs that print figures."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.e2e import asynchronous, backlog, events, same, terminate, update, zero

RUNS: dict[str, Callable[[], None]] = {
    "zero": zero.run, "update": update.run, "terminate": terminate.run, "same": same.run,
    "events": events.run, "async": asynchronous.run, "backlog": backlog.run,
}  # fmt: skip


def main(words: list[str]) -> int:
    """Run the named parts, or all of them."""
    unknown = [word for word in words if word not in RUNS]
    if unknown:
        print(f"e2e: no part called {', '.join(unknown)}; there are {', '.join(RUNS)}", file=sys.stderr)
        return 2
    for word in words or list(RUNS):
        RUNS[word]()
    print(f"e2e: ok ({', '.join(words or RUNS)})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
