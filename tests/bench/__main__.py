"""`make bench`: the performance table, ours and the anchor in one run, as ratios with both absolute figures.

The machine is shared and noisy: rows take both sides in turn and quote medians. No figure here fails anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tests.bench import commands, events, framework, functions, plan, report

PARTS: dict[str, Callable[[plan.Plan], None]] = {
    "cold": functions.cold,
    "memory": functions.idle_instance,
    "warm": functions.warm,
    "cli": commands.get,
    "up": commands.up,
    "idle": commands.idle,
    "framework": framework.framework,
    "events": events.events,
    "demo": commands.demo,
}
OPTIONAL = ("demo",)  # takes minutes, and has a target of its own


def main(words: Sequence[str]) -> int:
    """Measure the named parts, or all but the optional ones."""
    chosen = plan.read(words, list(PARTS), default=[name for name in PARTS if name not in OPTIONAL])
    report.head(chosen.rounds)
    for name in chosen.parts:
        PARTS[name](chosen)
    left = [name for name in PARTS if name not in chosen.parts]
    print(f"bench: measured {', '.join(chosen.parts)}; left out: {', '.join(left) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
