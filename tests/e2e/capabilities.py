"""The table driver × capability, from what the contract suites of the drivers really came to.

A cell is the number of tests that passed for it; no cell is written by hand. A test says by its mark `capability` what
it shows, and by its module or parameter of which driver.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from openfunction_eventing import drivers
from tests.eventing import brokers

SUITES = Path(__file__).parents[1] / "eventing" / "drivers"
OUTCOMES = ("passed", "failed", "skipped")
FAMILIES = {
    "topics": ("pubsub.",),
    "bindings": ("bindings.",),
    "state": ("state.",),
    "secrets": ("secretstores.",),
}
_BY_MODULE = {module: kind for kind, module in drivers.TYPES.items()}
# What a driver stands on: the distribution of its client library.
_LIBRARIES = {"jetstream": "nats-py", "nats": "nats-py", "kafka": "aiokafka", "http": "aiohttp"}


class Case(Protocol):
    """A collected test, as far as it is looked at."""

    path: Path

    def iter_markers(self, name: str) -> Iterable[pytest.Mark]: ...


class Collector:
    """A plugin: what each test shows of which driver, and how it ended."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[str, str, str]] = Counter()  # driver, capability, outcome
        self.totals: Counter[str] = Counter()
        self.order: dict[str, None] = {}
        self._shows: dict[str, list[tuple[str, str]]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note what every test is about, in the order of the files."""
        for item in items:
            marks = reversed(list(item.iter_markers("capability")))
            shows = [(_driver_of(item, mark), str(mark.args[0])) for mark in marks]
            self._shows[item.nodeid] = shows
            self.order.update(dict.fromkeys(name for _, name in shows))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by what kept it from being called or ended."""
        if report.when != "call" and report.outcome == "passed":
            return
        self.totals[report.outcome] += 1
        for driver, capability in self._shows.get(report.nodeid, ()):
            self.cells[driver, capability, report.outcome] += 1

    def cell(self, driver: str, capability: str) -> str:
        """The tests behind a cell."""
        passed, failed, skipped = (self.cells[driver, capability, outcome] for outcome in OUTCOMES)
        bad = [f"{count} {word}" for count, word in ((failed, "FAILED"), (skipped, "SKIPPED")) if count]
        return ", ".join([*([f"ok {passed}"] if passed else []), *bad]) or "-"


def _driver_of(item: Case, mark: pytest.Mark) -> str:
    """The driver that a test is about: said by its mark, else a parameter that is a type, else its module."""
    if "driver" in mark.kwargs:
        return str(mark.kwargs["driver"])
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    named = [str(value) for value in parameters.values() if value in drivers.TYPES]
    return named[0] if named else _BY_MODULE[item.path.stem.removeprefix("test_")]


def run(part: str, families: Sequence[str] = tuple(FAMILIES)) -> Collector:
    """Run the suites of families of drivers; an assertion ends it unless all passed and each has shown something."""
    found = Collector()
    kinds = [kind for family in families for kind in drivers.TYPES if kind.startswith(FAMILIES[family])]
    files = {str(path) for kind in kinds for path in SUITES.glob(f"{_file_of(kind)}.py")}
    words = ["-q", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider", *sorted(files)]
    os.environ["OFN_TEST_REQUIRE"] = "all"
    code = pytest.main(words, plugins=[found])
    print(*table(found, kinds), sep="\n")
    said = ", ".join(f"{outcome} {found.totals[outcome]}" for outcome in OUTCOMES)
    print(f"e2e {part}: contract suites of {len(kinds)} drivers: {said}", flush=True)
    silent = [kind for kind in kinds if not shown(found, kind)]
    assert code == 0, f"the suites of the drivers ended with {code}"
    assert not found.totals["failed"] + found.totals["skipped"], said
    assert not silent, f"nothing was shown of {', '.join(silent)}"
    return found


def _file_of(kind: str) -> str:
    """The suite of a driver; those of states and of secrets have one for all."""
    family = kind.partition(".")[0]
    return {"state": "test_state", "secretstores": "test_secretstores"}.get(
        family, f"test_{drivers.TYPES[kind]}"
    )


def shown(found: Collector, driver: str) -> list[str]:
    """The capabilities of which a driver has a test that passed."""
    return [name for name in found.order if found.cells[driver, name, "passed"]]


def table(found: Collector, kinds: Sequence[str]) -> list[str]:
    """A table for each family: a line for each capability, a column for each driver."""
    lines = [f"driver {kind}: {version(kind)}" for kind in kinds]
    for family, prefixes in FAMILIES.items():
        columns = [kind for kind in kinds if kind.startswith(prefixes)]
        names = [name for name in found.order if any(found.cell(kind, name) != "-" for kind in columns)]
        rows = [[name, *(found.cell(kind, name) for kind in columns)] for name in names]
        lines += ["", *_rows([family, *columns], rows)] if rows else []
    return [*lines, ""]


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def version(kind: str) -> str:
    """What a driver was run against: its broker with its version, and its client library."""
    last = kind.rpartition(".")[2]
    client = _LIBRARIES.get(last)
    library = f"{client} {importlib.metadata.version(client)}" if client else "no library of its own"
    return f"{broker_of(last)}{library}"


def broker_of(last: str) -> str:
    """The broker as it tells of itself."""
    if last in ("jetstream", "nats"):
        told = subprocess.run(
            [str(Path(sys.executable).parent / "nats-server"), "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        return f"{told.stdout.strip()}, "
    if last == "kafka":
        (jar,) = (brokers.TOOLS / "kafka" / "libs").glob("kafka-clients-*.jar")
        return f"Kafka {re.sub(r'kafka-clients-|[.]jar', '', jar.name)} (KRaft), "
    return ""
