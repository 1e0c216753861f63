"""`make e2e ARGS=` zero, update, terminate, same, events, async or backlog: end-to-end runs that print figures."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from tests.e2e import asynchronous, backlog, events, same, terminate, update, zero

RUNS: dict[str, Callable[[], None]] = {
    "zero": zero.run, "update": update.run, "terminate": terminate.run, "same": same.run,
    "events": events.run, "async": asynchronous.run, "backlog": backlog.run,
}  # fmt: skip


def main(words: list[str]) -> int:
    """Run the named parts, or all of them; one that fails keeps none of the others from running."""
    unknown = [word for word in words if word not in RUNS]
    if unknown:
        print(f"e2e: no part called {', '.join(unknown)}; there are {', '.join(RUNS)}", file=sys.stderr)
        return 2
    failed = [word for word in words or RUNS if not _passes(RUNS[word])]
    print(f"e2e: failed: {', '.join(failed)}" if failed else f"e2e: ok ({', '.join(words or RUNS)})")
    return 1 if failed else 0


def _passes(run: Callable[[], None]) -> bool:
    try:
        run()
    except Exception:  # noqa: BLE001 - whatever it is, it is shown whole and the run has failed
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
