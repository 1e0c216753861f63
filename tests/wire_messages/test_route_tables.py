"""Route tables: whatever changes, a copy that takes in the messages is the table, and no message is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions_framework import control
from openfunction_py.wire import route_tables
from openfunction_py.wire.messages import Routes

TABLES = st.dictionaries(st.text("ab", min_size=1, max_size=3), st.sampled_from(["x", "y"]))


@given(st.none() | TABLES, TABLES)
def test_a_copy_that_takes_in_the_steps_is_the_table(
    before: dict[str, str] | None, now: dict[str, str]
) -> None:
    copy = {"stale": "x"} if before is None else dict(before)
    for said in route_tables.steps(before, now):
        copy = route_tables.taken(copy, Routes.from_wire(said.to_wire()))
    assert copy == now


@pytest.mark.parametrize("count", [0, 1, route_tables.MOST, 20_000])
def test_every_message_fits_a_frame_and_only_the_first_is_whole(count: int) -> None:
    table = {f"{number:036}": f"a-function-with-a-long-name-ksvc-{number:05},100," for number in range(count)}
    said = list(route_tables.steps(None, table, "g"))
    assert all(len(control.encode(one.to_wire())) < control.MAX_FRAME for one in said)
    assert [one.whole for one in said] == [True] + [False] * (len(said) - 1)


def test_what_did_not_change_is_not_told() -> None:
    assert list(route_tables.steps({"u": "a"}, {"u": "a"})) == []
