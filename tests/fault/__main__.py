"""`make fault ARGS=` events or platform: `kill -9` of each part in turn, with figures of what was lost."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.fault import events


def platform() -> bool:
    """Every process of the platform is killed while requests run and objects change."""
    return pytest.main(["-q", "tests/e2e/test_faults.py"]) == 0


RUNS: dict[str, Callable[[], bool]] = {"events": events.run, "platform": platform}


def main(words: list[str]) -> int:
    """Run the named parts, or all of them; 1 when something was lost."""
    unknown = [word for word in words if word not in RUNS]
    if unknown:
        print(f"fault: no part called {', '.join(unknown)}; there are {', '.join(RUNS)}", file=sys.stderr)
        return 2
    failed = [word for word in words or RUNS if not RUNS[word]()]
    print(f"fault: failed: {', '.join(failed)}" if failed else f"fault: ok ({', '.join(words or RUNS)})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
