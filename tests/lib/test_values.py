"""Durations, quantities, names and times read and write as Go and Kubernetes do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.lib import clock, durations, naming, quantities


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m30s", 90),
        ("1h", 3600),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("-2s", -2),
        ("0", 0),
        ("+1s", 1),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "1d", "1h junk", "s", "-", "1 h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (90, "1m30s"),
        (3600, "1h0m0s"),
        (0.3, "300ms"),
        (1.5, "1.5s"),
        (0.00025, "250µs"),
        (-5, "-5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert durations.format(timedelta(seconds=seconds)) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=900)))
def test_a_written_duration_reads_back(value: timedelta) -> None:
    assert durations.parse(durations.format(value)) == value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("128Mi", 128 * 2**20),
        ("1k", 1000),
        ("1e3", 1000),
        ("1E", 10**18),
        (".5", "0.5"),
    ],
)
def test_quantities_are_numbers(text: str, number: str | int) -> None:
    assert quantities.parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Mi", "1Kb", "one"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantities.parse(text)


def test_a_short_child_name_is_parent_and_suffix() -> None:
    assert naming.child_name("hello", "-deployment") == "hello-deployment"


@given(st.text("abc-", min_size=1, max_size=120), st.text("xyz-", max_size=80))
def test_a_child_name_never_exceeds_its_limit(parent: str, suffix: str) -> None:
    assert len(naming.child_name(parent, suffix)) <= 63


def test_long_parents_that_differ_at_the_end_have_different_children() -> None:
    assert naming.child_name("a" * 70 + "1", "-x") != naming.child_name("a" * 70 + "2", "-x")


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert naming.digest_of({"a": 1, "b": [2]}) == naming.digest_of({"b": [2], "a": 1})


def test_times_are_written_with_z_and_read_back() -> None:
    moment = datetime(2024, 2, 3, 4, 5, 6, 700, tzinfo=UTC)
    assert clock.timestamp(moment) == "2024-02-03T04:05:06Z"
    assert clock.parse(clock.micro(moment)) == moment


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        clock.parse("2024-01-01T00:00:00")


def test_a_fake_clock_moves_only_when_told() -> None:
    fake = clock.FakeClock()
    start = fake.now()
    fake.advance(1.5)
    assert (fake.now() - start).total_seconds() == fake.monotonic() == 1.5
