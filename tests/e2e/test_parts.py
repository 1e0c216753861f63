"""How `make e2e` ends: with one line, whatever became of its parts."""

from __future__ import annotations

import pytest

from tests.e2e import __main__ as parts


def test_a_part_that_fails_is_told_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def broken() -> None:
        raise AssertionError("left over 1")

    monkeypatch.setattr(parts, "RUNS", {"broken": broken, "whole": lambda: ran.append("whole")})
    assert parts.main([]) == 1
    told = capsys.readouterr()
    assert (ran, told.out.splitlines()[-1]) == (["whole"], "e2e: failed: broken")
    assert "left over 1" in told.err
    assert parts.main(["whole"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "e2e: ok (whole)"
    assert parts.main(["missing"]) == 2
