"""The log: one JSON object per line, a constant sentence plus fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from openfunction_py.lib import log


@pytest.fixture
def restored() -> Iterator[None]:
    """Put the process's log back as pytest had it."""
    root, ours = logging.getLogger(), logging.getLogger("openfunction")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.mark.usefixtures("restored")
class TestLines:
    """What is written to standard error."""

    def lines(self, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    def test_a_line_holds_sentence_component_and_fields(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.setup("control")
        log.get("store").bind(name="hello").info("it was stored", size=3)
        (line,) = self.lines(capsys)
        assert (line["msg"], line["component"], line["logger"]) == (
            "it was stored",
            "control",
            "openfunction.store",
        )
        assert (line["name"], line["size"], line["level"]) == ("hello", 3, "info")

    def test_a_field_does_not_hide_what_every_line_has(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.setup("node")
        log.get("node").info("ready", level="Sandboxed")
        (line,) = self.lines(capsys)
        assert (line["level"], line["level_"]) == ("info", "Sandboxed")

    def test_an_exception_brings_its_traceback(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.setup("node")
        try:
            int("no")
        except ValueError:
            log.get("node").exception("it failed")
        (line,) = self.lines(capsys)
        assert "ValueError: invalid literal" in str(line["traceback"])

    def test_the_level_comes_from_the_environment(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OFN_LOG_LEVEL", "warning")
        log.setup("node")
        log.get("node").info("not said")
        log.get("node").warning("said")
        assert [line["msg"] for line in self.lines(capsys)] == ["said"]


@pytest.mark.usefixtures("restored")
def test_a_log_file_is_bounded_and_the_one_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LARGEST_FILE", 1000)
    log.setup("control", tmp_path / "control.log")
    for number in range(100):
        log.get("store").info("it was stored", number=number)
    logging.getLogger().handlers[0].close()
    assert {path.name for path in tmp_path.iterdir()} == {"control.log", "control.log.1"}
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    last = (tmp_path / "control.log").read_text().splitlines()[-1]
    assert json.loads(last)["number"] == 99
