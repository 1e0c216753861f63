"""Cron expressions: moments written out, by the rules of robfig/cron, which Dapr and KEDA use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_eventing import schedules


def at(text: str) -> datetime:
    """A UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# expression, after, the next moments, all in UTC
NEXT = [
    ("*/15 * * * *", "2026-01-01T00:07:30", "2026-01-01T00:15:00"),
    ("0 8 * * *", "2026-01-01T08:00:00", "2026-01-02T08:00:00"),
    ("0 8 * * *", "2026-01-01T07:59:59.9", "2026-01-01T08:00:00"),
    ("*/10 * * * * *", "2026-01-01T00:00:01", "2026-01-01T00:00:10"),
    ("59 59 23 31 12 *", "2026-01-01T00:00:00", "2026-12-31T23:59:59"),
    ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
    ("0 9-17/4 * * MON-FRI", "2026-01-02T17:30:00", "2026-01-05T09:00:00"),
    ("0 0 1 * 1", "2026-01-02T00:00:00", "2026-01-05T00:00:00"),
    ("0 0 */2 * 1", "2026-01-03T00:00:00", "2026-01-05T00:00:00"),
    ("0 0 13 * FRI", "2026-01-10T00:00:00", "2026-01-13T00:00:00"),
    ("5/20 * * * *", "2026-01-01T00:06:00", "2026-01-01T00:25:00"),
    ("0 0 ? JAN,mar *", "2026-01-31T00:00:00", "2026-03-01T00:00:00"),
    ("@hourly", "2026-01-01T00:30:00", "2026-01-01T01:00:00"),
    ("@weekly", "2026-01-01T00:30:00", "2026-01-04T00:00:00"),
    ("@monthly", "2026-01-01T00:30:00", "2026-02-01T00:00:00"),
    ("@every 10ms", "2026-01-01T00:00:00", "2026-01-01T00:00:01"),
    ("@every 90s", "2026-01-01T00:00:00.5", "2026-01-01T00:01:30"),
    ("TZ=Europe/Berlin 0 8 * * *", "2026-01-01T00:00:00", "2026-01-01T07:00:00"),
    ("CRON_TZ=Europe/Berlin 0 8 * * *", "2026-07-01T00:00:00", "2026-07-01T06:00:00"),
    # 29 March 2026, 02:00 to 03:00 does not exist in Berlin; 25 October it comes twice.
    ("TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00", "2026-03-30T00:30:00"),
    ("TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:00:00", "2026-10-25T00:30:00"),
    ("TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
]


@pytest.mark.parametrize(("text", "after", "following"), NEXT)
def test_the_next_moment(text: str, after: str, following: str) -> None:
    assert schedules.following(schedules.parse(text), at(after)) == at(following)


def test_a_day_that_never_comes_has_no_next_moment() -> None:
    assert schedules.following(schedules.parse("0 0 30 2 *"), at("2026-01-01T00:00:00")) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("60 * * * *", "out of range"),
        ("* * 0 * *", "out of range"),
        ("* * * * 7", "out of range"),
        ("5-1 * * * *", "out of range"),
        ("*/0 * * * *", "out of range"),
        ("x * * * *", "no number of minutes"),
        ("1,,2 * * * *", "no part of minutes"),
        ("@sometimes", "is unknown"),
        ("@every soon", "needs a span"),
        ("@every 10", "needs a span"),
        ("TZ=Mars/Base 0 8 * * *", "no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedules.parse(text)


@pytest.mark.parametrize("text", ["0 0 8 * * *", "@daily"])
def test_a_parser_of_five_fields_takes_no_seconds_and_no_words(text: str) -> None:
    with pytest.raises(ValueError, match="five fields"):
        schedules.parse(text, seconds=False, descriptors=False)


@given(
    st.sampled_from(
        ["* * * * * *", "*/7 * * * *", "TZ=Europe/Berlin */30 * * * *", "TZ=America/St_Johns 0 */3 * * *"]
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - the zone is put on below
)
def test_a_moment_is_always_later_than_the_time_before_it(text: str, now: datetime) -> None:
    moment = now.replace(tzinfo=UTC)
    found = schedules.following(schedules.parse(text), moment)
    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(hours=4)
