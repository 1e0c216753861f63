"""Schedules as cron writes them: five fields, six with seconds first, a word like @daily, or @every 2s.

Pure: the time is an argument. What changing clocks skip does not come; what they repeat comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from openfunction_eventing.keys import seconds as span

_WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Second, minute, hour, day of the month, month, day of the week: lowest, highest, names of the numbers.
_FIELDS: Final[Sequence[tuple[int, int, Sequence[str]]]] = (
    (0, 59, ()), (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _DAYS),
)  # fmt: skip
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+")
# A 29 February may be eight years away; what has not come by then never does.
_DAYS_AHEAD: Final = 8 * 366 + 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """Numbers allowed in each field, or a period in seconds; `either` when both fields of days restrict."""

    fields: tuple[frozenset[int], ...] = ()
    either: bool = False
    zone: tzinfo = UTC
    every: float = 0.0

    def after(self, moment: float) -> float | None:
        """The first moment after one, both in seconds since the epoch; None when there is none.

        Periods count from the epoch, so that every process finds the same moments.
        """
        if self.every:
            return (moment // self.every + 1) * self.every
        start = datetime.fromtimestamp(moment, self.zone).date() - timedelta(days=1)
        days = (start + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD))
        return next(
            (found for day in days if self._is(day) for found in self._of(day) if found > moment), None
        )

    def _is(self, day: date) -> bool:
        _, _, _, days, months, weekdays = self.fields
        by_month, by_week = day.day in days, day.isoweekday() % 7 in weekdays
        return day.month in months and (by_month or by_week if self.either else by_month and by_week)

    def _of(self, day: date) -> Iterator[float]:
        """The moments of a day in order; those that clocks skip or repeat are put where they belong."""
        seconds, minutes, hours = (sorted(one) for one in self.fields[:3])
        for hour in hours:
            walls = [time(hour, minute, second) for minute in minutes for second in seconds]
            both = {found for wall in walls for found in self._moments(datetime.combine(day, wall))}
            yield from sorted(both)

    def _moments(self, wall: datetime) -> Iterator[float]:
        for fold in (0, 1):
            aware = wall.replace(tzinfo=self.zone, fold=fold)
            if aware.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None, fold=0) == wall:
                yield aware.timestamp()


def parse(text: str) -> Schedule:
    """The schedule of a text; `TZ=Europe/Berlin` before it names its zone, which else is UTC.

    Raises:
        ValueError: it is none; the message says what is wrong.
    """
    zone: tzinfo = UTC
    body = text.strip()
    if match := _ZONE.match(body):
        zone, body = _zone(match[1]), body[match.end() :]
    if body.startswith("@every"):
        every = span(body.removeprefix("@every").strip())
        if every is None or every < 1:
            raise ValueError(f"{body!r} needs a period of a second or more, like @every 2s")
        return Schedule(every=float(int(every)))
    words = _WORDS.get(body, body).split()
    if len(words) not in (5, 6):
        raise ValueError(f"{text!r} has {len(words)} fields; write five, like '*/5 * * * *', or @every 2s")
    words = words if len(words) == 6 else ["0", *words]
    fields = tuple(_numbers(word, number) for number, word in enumerate(words))
    either = words[3][0] not in "*?" and words[5][0] not in "*?"
    return Schedule(fields, either, zone)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write it like Europe/Berlin") from error


def _numbers(word: str, field: int) -> frozenset[int]:
    return frozenset(number for part in word.split(",") for number in _part(part, field))


def _part(part: str, field: int) -> range:
    low, high, _ = _FIELDS[field]
    span_text, _, step_text = part.partition("/")
    first, _, last = span_text.partition("-")
    step = int(step_text) if step_text.isdigit() else (0 if "/" in part else 1)
    if first in ("*", "?") and not last:
        begin, end = low, high
    else:
        begin = _number(first, field)
        end = _number(last, field) if last else (high if "/" in part else begin)
    if step < 1 or not low <= begin <= end <= high:
        raise ValueError(f"{part!r} is out of place; numbers there go from {low} to {high}")
    return range(begin, end + 1, step)


def _number(text: str, field: int) -> int:
    names = _FIELDS[field][2]
    if text.lower() in names:
        return names.index(text.lower()) + _FIELDS[field][0]
    if not text.isdigit():
        raise ValueError(f"{text!r} is no number; write it like 5, 1-5, */10 or 1,3")
    return int(text)
