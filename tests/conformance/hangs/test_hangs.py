"""Every kind of hang on the standalone command: everybody is answered, the next is served, nothing goes on burning.

The figures are printed by `python -m tests.conformance.hangs`; here are only bounds that a busy machine keeps.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.hangs.run import Command, Outcome, hang

THREADS = 4
FREE = ("def/spin", "def/sleep", "def/burn", "async/spin", "async/sleep")  # the interpreter lock is free
HELD = ("def/held", "async/held")
PATIENCE = 10.0


async def outcome_of(folder: Path, kind: str) -> Outcome:
    command = Command(folder, threads=THREADS)
    try:
        await command.ready()
        outcome = await hang(command, kind, callers=THREADS + 1)
    finally:
        code = command.stop()
    assert code == 0, command.log
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize("kind", FREE)
async def test_where_the_lock_is_free_callers_get_504_and_neighbours_their_answer(
    tmp_path: Path, kind: str
) -> None:
    outcome = await outcome_of(tmp_path, kind)
    assert outcome.statuses == {504: THREADS + 1}, outcome.log
    assert outcome.slowest < PATIENCE
    assert [(status, same) for status, _, same in outcome.beside] == [(200, True)] * 3, outcome.log
    assert outcome.after[0] == 200
    assert outcome.cpu < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("kind", HELD)
async def test_where_the_lock_is_held_the_parent_answers(tmp_path: Path, kind: str) -> None:
    outcome = await outcome_of(tmp_path, kind)
    assert outcome.statuses.get(504, 0) >= 1, outcome.log
    assert outcome.statuses.keys() <= {503, 504}, outcome.log
    assert {status for status, _, _ in outcome.beside} <= {503}
    assert outcome.slowest < PATIENCE
    assert outcome.after[0] == 200
    assert outcome.cpu < 0.5
    assert "hung with the interpreter lock held" in outcome.log
    assert "in hang" in outcome.log  # where, from the worker's own stacks


@pytest.mark.slow
async def test_a_call_that_catches_everything_ends_with_its_process(tmp_path: Path) -> None:
    outcome = await outcome_of(tmp_path, "def/stubborn")
    assert outcome.statuses.keys() <= {503, 504}, outcome.log
    assert outcome.after[0] == 200
    assert outcome.cpu < 0.5
