"""The table driver × capability says what the tests came to, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_eventing import drivers
from tests.e2e import capabilities

SUITE = """
import pytest
shows = pytest.mark.capability

@shows("TTL")
@shows("get")
def test_one(): pass

@shows("get")
def test_two(): pass

@shows("get")
def test_bad(): assert False

@shows("bulk")
def test_absent(): pytest.skip("no broker")

@shows("get", driver="state.in-memory")
def test_of_another(): pass

@shows("ETag")
@pytest.mark.parametrize("kind", ["state.in-memory", "state.sqlite"])
def test_of_both(kind): pass

@pytest.fixture
def broken(): raise OSError

@shows("durable")
def test_without_its_broker(broken): pass

def test_of_nothing(): pass
"""


@pytest.fixture
def found(tmp_path: Path) -> capabilities.Collector:
    """What a run of the suite above came to."""
    (tmp_path / "test_state_sqlite.py").write_text(SUITE)
    settings = "markers = capability: a cell\nasyncio_default_fixture_loop_scope = function\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{settings}")
    made = capabilities.Collector()
    words = ["-q", "--no-header", "-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path)]
    assert pytest.main(words, plugins=[made]) == pytest.ExitCode.TESTS_FAILED
    return made


def test_each_cell_is_counted_from_the_outcomes(found: capabilities.Collector) -> None:
    names = ("get", "TTL", "bulk", "ETag", "durable", "first write")
    assert [found.cell("state.sqlite", name) for name in names] == [
        "ok 2, 1 FAILED", "ok 1", "1 SKIPPED", "ok 1", "1 FAILED", "-",
    ]  # fmt: skip
    assert [found.cell("state.in-memory", name) for name in names] == ["ok 1", "-", "-", "ok 1", "-", "-"]
    assert dict(found.totals) == {"passed": 6, "failed": 2, "skipped": 1}
    assert capabilities.shown(found, "state.sqlite") == ["TTL", "get", "ETag"]
    assert not capabilities.shown(found, "pubsub.kafka")


def test_the_table_names_every_driver_it_is_asked_for(found: capabilities.Collector) -> None:
    lines = capabilities.table(found, ["state.in-memory", "state.sqlite", "bindings.cron"])
    assert "driver bindings.cron: no library of its own" in lines
    assert any(line.split() == ["TTL", "-", "ok", "1"] for line in lines)


def test_every_driver_has_a_suite_with_a_mark() -> None:
    for kind in drivers.TYPES:
        text = (capabilities.SUITES / f"{capabilities._file_of(kind)}.py").read_text()
        assert "mark.capability(" in text or "contract." in text, kind
