"""Times of cron texts: a table of texts, moments and the times that follow; what is refused, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_eventing.drivers import schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# text, now, the next times (UTC)
TIMES = [
    ("* * * * *", "2026-01-01T00:00:30", ["2026-01-01T00:01:00", "2026-01-01T00:02:00"]),
    ("*/15 * * * * *", "2026-01-01T00:00:50", ["2026-01-01T00:01:00", "2026-01-01T00:01:15"]),
    ("0 30 * * * *", "2026-01-01T00:30:00", ["2026-01-01T01:30:00"]),
    ("0 9-17/4 * * mon-fri", "2026-01-02T17:00:00", ["2026-01-05T09:00:00", "2026-01-05T13:00:00"]),
    ("0 0 1,15 * *", "2026-01-15T00:00:00", ["2026-02-01T00:00:00"]),
    ("0 0 13 * fri", "2026-01-09T00:00:00", ["2026-01-13T00:00:00", "2026-01-16T00:00:00"]),
    ("0 0 * * 7", "2026-01-01T00:00:00", ["2026-01-04T00:00:00"]),
    ("0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29T00:00:00"]),
    ("0 0 31 2 *", "2026-01-01T00:00:00", [None]),
    (
        "5/20 * * * *",
        "2026-01-01T00:00:00",
        ["2026-01-01T00:05:00", "2026-01-01T00:25:00", "2026-01-01T00:45:00"],
    ),
    ("@every 90s", "2026-01-01T00:00:00", ["2026-01-01T00:01:30"]),
    ("@every 10ms", "2026-01-01T00:00:00", ["2026-01-01T00:00:01"]),
    ("@hourly", "2026-01-01T00:00:00", ["2026-01-01T01:00:00"]),
    ("@weekly", "2026-01-01T00:00:00", ["2026-01-04T00:00:00"]),
    ("TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00", ["2026-01-02T00:00:00"]),
    # Spring in Berlin has no half past two; autumn has it twice, and it counts once.
    ("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T02:00:00", ["2026-03-30T00:30:00"]),
    ("TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00", ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]),
    ("TZ=Europe/Berlin 30 * * * *", "2026-10-24T23:45:00", ["2026-10-25T00:30:00", "2026-10-25T01:30:00"]),
]


@pytest.mark.parametrize(("text", "now", "following"), TIMES)
def test_the_times_that_follow(text: str, now: str, following: list[str | None]) -> None:
    times = schedule.parse(text)
    moment: datetime = at(now)
    for wanted in following:
        found = times.after(moment)
        assert found == (at(wanted) if wanted else None)
        moment = found or moment


REFUSED = [
    ("", "has 0 fields"),
    ("* * * *", "has 4 fields"),
    ("60 * * * *", "'60' is no minute; it has 0 to 59"),
    ("* 24 * * *", "'24' is no hour"),
    ("* * 0 * *", "'0' is no day of month"),
    ("* * * foo *", "'foo' is no month"),
    ("* * * * 8", "'8' is no day of week"),
    ("*/0 * * * *", "'*/0' is no minute"),
    ("5-1 * * * *", "'5-1' is no minute"),
    ("@every soon", "needs a span"),
    ("@every 10", "needs a span"),
    ("@sometimes", "there is no @sometimes"),
    ("TZ=Mars/Base 0 0 * * *", "no time zone 'Mars/Base'"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_no_schedule_is_refused_with_its_mistake(text: str, said: str) -> None:
    with pytest.raises(schedule.ScheduleError) as told:
        schedule.parse(text)
    assert said in str(told.value)


@given(
    st.sampled_from(
        ["* * * * * *", "*/7 * * * *", "TZ=Europe/Berlin */30 * * * *", "TZ=America/St_Johns 0 */3 * * *"]
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - the zone is put on below
)
def test_a_time_is_always_later_than_now(text: str, now: datetime) -> None:
    moment = now.replace(tzinfo=UTC)
    found = schedule.parse(text).after(moment)
    assert found is not None
    assert timedelta(0) < found - moment <= timedelta(hours=4)
