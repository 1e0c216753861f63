"""Schedules: the moments that follow one, and what is no schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openfunction_eventing import schedules

START = "2026-03-01T10:07:30"


def following(text: str, start: str, count: int = 1) -> list[str]:
    moment, found = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp(), []
    for _ in range(count):
        after = schedules.parse(text).after(moment)
        assert after is not None
        found.append(datetime.fromtimestamp(after, UTC).isoformat().removesuffix("+00:00"))
        moment = after
    return found


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("* * * * *", ["2026-03-01T10:08:00", "2026-03-01T10:09:00"]),
        ("*/15 * * * *", ["2026-03-01T10:15:00", "2026-03-01T10:30:00"]),
        ("5-7 10 * * *", ["2026-03-02T10:05:00", "2026-03-02T10:06:00"]),
        ("0 8 * * mon-fri", ["2026-03-02T08:00:00", "2026-03-03T08:00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("0 0 13 * 5", ["2026-03-06T00:00:00", "2026-03-13T00:00:00"]),
        ("*/20 * * * * *", ["2026-03-01T10:07:40", "2026-03-01T10:08:00"]),
        ("@daily", ["2026-03-02T00:00:00", "2026-03-03T00:00:00"]),
        ("@every 2s", ["2026-03-01T10:07:32", "2026-03-01T10:07:34"]),
        ("@every 1h30m", ["2026-03-01T10:30:00", "2026-03-01T12:00:00"]),
        ("TZ=Europe/Berlin 0 12 1 7 *", ["2026-07-01T10:00:00", "2027-07-01T10:00:00"]),
    ],
)
def test_moments_follow(text: str, moments: list[str]) -> None:
    assert following(text, START, len(moments)) == moments


def test_an_hour_that_clocks_skip_does_not_come_and_one_they_repeat_comes_twice() -> None:
    half_past_two = "TZ=Europe/Berlin 30 2 * * *"
    assert following(half_past_two, "2026-03-28T12:00:00") == ["2026-03-30T00:30:00"]
    assert following(half_past_two, "2026-10-24T12:00:00", 2) == [
        "2026-10-25T00:30:00",
        "2026-10-25T01:30:00",
    ]


def test_a_date_that_never_comes_has_no_moment() -> None:
    assert schedules.parse("0 0 30 2 *").after(0.0) is None


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "a * * * *", "@every", "@every 1ms",
     "@often", "TZ=Mars/Base * * * * *", "*/x * * * *", "1/ * * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"'|place"):
        schedules.parse(text)
