"""Cron expressions as Dapr's and KEDA's parser (robfig/cron) reads them: 5 fields, 6 with seconds, or @every 2s.

Time is an argument; a moment that a change of clocks skips does not come, one that it repeats comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from openfunction_eventing.component import read_span

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_PART = re.compile(r"(?P<low>[*?]|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?")
# A date such as 30 February never comes; a leap day may be eight years away.
_YEARS = 8


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_UNITS = (
    _Unit("seconds", 0, 59),
    _Unit("minutes", 0, 59),
    _Unit("hours", 0, 23),
    _Unit("days of the month", 1, 31),
    _Unit("months", 1, 12, _MONTHS),
    _Unit("days of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Moments as sets of numbers per field, or one every so often; `any_day` when a day field is a star."""

    fields: tuple[frozenset[int], ...] = ()
    any_day: bool = True
    zone: tzinfo = UTC
    every: timedelta | None = None


def parse(text: str, *, seconds: bool = True, descriptors: bool = True, zone: tzinfo = UTC) -> Schedule:
    """The schedule of an expression; `TZ=Europe/Berlin` before it names its zone.

    Raises:
        ValueError: it is none, or needs what is not allowed; the message shows the form.
    """
    body, zone = _zone(text.strip(), zone)
    if body.startswith("@"):
        if not descriptors:
            raise ValueError(f"{body!r} is not allowed here; write five fields, like '0 8 * * *'")
        if body.startswith("@every "):
            return Schedule(every=_every(body.removeprefix("@every ").strip()), zone=zone)
        if body not in _DESCRIPTORS:
            raise ValueError(f"{body!r} is unknown; use {', '.join(_DESCRIPTORS)} or @every 2s")
        body = _DESCRIPTORS[body]
    elif len(body.split()) == 5:
        body = f"0 {body}"
    elif not seconds or len(body.split()) != 6:
        wanted = "five fields, or six with seconds" if seconds else "five fields"
        raise ValueError(f"{text!r} has {len(body.split())} fields; write {wanted}, like '*/5 * * * *'")
    return _spelled(body.split(), zone)


def _zone(text: str, zone: tzinfo) -> tuple[str, tzinfo]:
    match = re.match(r"(?:CRON_)?TZ=(\S+)\s+", text)
    return (text[match.end() :], named(match[1])) if match else (text, zone)


def named(name: str) -> tzinfo:
    """The zone of an IANA name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write it like Europe/Berlin") from error


def _every(text: str) -> timedelta:
    span = None if text.isdigit() else read_span(text)
    if not span:
        raise ValueError(f"@every needs a span, like 10s or 1h30m, and {text!r} is none")
    return timedelta(seconds=max(int(span), 1))  # robfig/cron knows no shorter one


def _spelled(words: list[str], zone: tzinfo) -> Schedule:
    parsed = [_field(word, unit) for word, unit in zip(words, _UNITS, strict=True)]
    any_day = parsed[3][1] or parsed[5][1]
    return Schedule(fields=tuple(values for values, _ in parsed), any_day=any_day, zone=zone)


def _field(text: str, unit: _Unit) -> tuple[frozenset[int], bool]:
    """The numbers of a field, and whether it is a plain star."""
    values: set[int] = set()
    star = False
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no part of {unit.name}; write it like 5, 1-5, */10 or 1,3")
        numbers, every = _numbers(match, unit)
        values.update(numbers)
        star = star or every
    return frozenset(values), star


def _numbers(match: re.Match[str], unit: _Unit) -> tuple[Iterable[int], bool]:
    step = int(match["step"] or 1)
    if match["low"] in "*?":
        low, high = unit.low, unit.high
    else:
        low = _value(match["low"], unit)
        last = unit.high if match["step"] else low
        high = _value(match["high"], unit) if match["high"] else last
    if step == 0 or low > high or low < unit.low or high > unit.high:
        raise ValueError(f"{match[0]!r} is out of range; {unit.name} go from {unit.low} to {unit.high}")
    return range(low, high + 1, step), match["low"] in "*?" and step == 1


def _value(word: str, unit: _Unit) -> int:
    if word.isdigit():
        return int(word)
    if word.lower() in unit.words:
        return unit.words.index(word.lower()) + unit.low
    raise ValueError(f"{word!r} is no number of {unit.name}")


def following(schedule: Schedule, after: datetime) -> datetime | None:
    """The first moment after an aware time, in UTC; None when there is none in the next years."""
    start = after.astimezone(UTC).replace(microsecond=0)
    if schedule.every is not None:
        return start + schedule.every
    moment = (start + timedelta(seconds=1)).astimezone(schedule.zone)
    last = moment.year + _YEARS
    while moment.year <= last:
        later = _later(schedule, moment)
        if later is None:
            return moment.astimezone(UTC)
        moment = later
    return None


def _later(schedule: Schedule, moment: datetime) -> datetime | None:
    """The next moment worth looking at; None when this one fits."""
    seconds, minutes, hours, _, months, _ = schedule.fields
    if moment.month not in months:
        year, month = divmod(moment.year * 12 + moment.month, 12)
        return _midnight(datetime(year, month + 1, 1, tzinfo=schedule.zone))
    if not _day(schedule, moment):
        wall = moment.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        return _midnight(wall.replace(fold=0))
    if moment.hour not in hours:
        return _forward(moment, timedelta(hours=1) - timedelta(minutes=moment.minute, seconds=moment.second))
    if moment.minute not in minutes:
        return _forward(moment, timedelta(minutes=1) - timedelta(seconds=moment.second))
    return None if moment.second in seconds else _forward(moment, timedelta(seconds=1))


def _day(schedule: Schedule, moment: datetime) -> bool:
    by_month = moment.day in schedule.fields[3]
    by_week = moment.isoweekday() % 7 in schedule.fields[5]
    return by_month and by_week if schedule.any_day else by_month or by_week


def _midnight(wall: datetime) -> datetime:
    """The first moment of a day: where clocks skip midnight, the one after it."""
    return wall.astimezone(UTC).astimezone(wall.tzinfo)


def _forward(moment: datetime, by: timedelta) -> datetime:
    return (moment.astimezone(UTC) + by).astimezone(moment.tzinfo)
