"""`make conformance`: runs every family and prints its number of cases; words after it are families to run alone.

A family is a folder beside this file that holds tests. One that this machine cannot run has an `absent()` in its
package that says why; it is named, and not counted.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


class Tally:
    """Counts outcomes by family while pytest runs."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a case once: by its call, or by what kept it from being called."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[_family(report.nodeid), report.outcome] += 1

    def of(self, family: str, outcome: str) -> int:
        """How many cases of a family ended so."""
        return self.outcomes[family, outcome]


def main(words: list[str]) -> int:
    """Run the families; the exit code says whether all passed and none was skipped."""
    wanted = {word.replace("-", "_") for word in words}
    families = [name for name in _families() if not wanted or name in wanted]
    absent = {name: why for name in families if (why := _absent(name))}
    run = [name for name in families if name not in absent]
    tally = Tally()
    code = (
        pytest.main(["-q", "--no-header", "-p", "no:randomly", *(str(_HERE / name) for name in run)], [tally])
        if run
        else 5
    )
    _tell(run, absent, tally)
    totals = {
        outcome: sum(tally.of(name, outcome) for name in run) for outcome in ("passed", "failed", "skipped")
    }
    print(
        f"conformance: {sum(totals.values())} cases in {len(run)} families, passed {totals['passed']}, "
        f"failed {totals['failed']}, skipped {totals['skipped']}"
    )
    empty = [name for name in run if not tally.of(name, "passed")]
    return int(code != 0 or bool(totals["failed"] or totals["skipped"] or empty or not run))


def _families() -> list[str]:
    return sorted(path.name for path in _HERE.iterdir() if any(path.rglob("test_*.py")))


def _absent(family: str) -> str:
    module = importlib.import_module(f"tests.conformance.{family}")
    absent = getattr(module, "absent", None)
    return absent() if absent is not None else ""


def _family(node: str) -> str:
    return node.partition("tests/conformance/")[2].partition("/")[0]


def _tell(run: list[str], absent: dict[str, str], tally: Tally) -> None:
    print(f"\n{'family':<24}{'cases':>7}{'failed':>8}{'skipped':>9}")
    for name in run:
        passed, failed, skipped = (tally.of(name, outcome) for outcome in ("passed", "failed", "skipped"))
        print(f"{name.replace('_', '-'):<24}{passed + failed + skipped:>7}{failed:>8}{skipped:>9}")
    for name, why in absent.items():
        print(f"{name.replace('_', '-'):<24}not run: {why}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
