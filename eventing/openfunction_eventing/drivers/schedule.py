"""Times of a cron text: five fields, six with seconds first, `@every 10s`, `@daily` and its kin, `TZ=` before all.

Pure: the present time is an argument. Months and weekdays have names; a day matches when either of its two fields
does, as cron has it, unless one of them is open.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from openfunction_eventing.component import read_span

_NAMED = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# name, least, most, names that stand for numbers
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_YEARS = 9  # 29 February comes again within eight years


class ScheduleError(ValueError):
    """A text that is no schedule; says which field is wrong and what it may hold."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either a span, or the values each field may have.

    Attributes:
        text: as it was written.
        every: seconds between two times; 0 where the fields say it.
        fields: second, minute, hour, day of month, month, day of week (0 is Sunday).
        open_days: whether the day of month, and the day of week, is left open.
        zone: in which the fields are meant.
    """

    text: str
    every: float
    fields: tuple[frozenset[int], ...]
    open_days: tuple[bool, bool]
    zone: tzinfo

    def after(self, now: datetime) -> datetime | None:
        """The next time after `now` (aware), in UTC; None where there never is one, as for 31 February."""
        if self.every:
            return (now.astimezone(UTC) + timedelta(seconds=self.every)).replace(microsecond=0)
        return self._search(now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1))

    def _search(self, at: datetime) -> datetime | None:
        """From instant to instant, each seen as the zone's clock shows it: no hour is missed, made up or endless."""
        last = at.year + _YEARS
        while at.year <= last:
            shown = at.astimezone(self.zone)
            following = self._skip(shown)
            if following is None:
                return at
            if isinstance(following, datetime):
                at = max(following.astimezone(UTC), at + timedelta(seconds=1))
            else:
                at += following
        return None

    def _skip(self, shown: datetime) -> datetime | timedelta | None:
        """Where the next candidate is; None where this one matches."""
        seconds, minutes, hours, _, months, _ = self.fields
        if shown.month not in months:
            return _first_of_next_month(shown)
        if not self._day(shown):
            return shown.replace(hour=0, minute=0, second=0, fold=0) + timedelta(days=1)
        # The hour that comes twice in autumn counts once, unless every hour is meant.
        if shown.hour not in hours or (shown.fold and len(hours) < 24):
            return timedelta(seconds=3600 - shown.minute * 60 - shown.second)
        if shown.minute not in minutes:
            return timedelta(seconds=60 - shown.second)
        return None if shown.second in seconds else timedelta(seconds=1)

    def _day(self, at: datetime) -> bool:
        of_month = at.day in self.fields[3]
        of_week = at.isoweekday() % 7 in self.fields[5]
        return of_month and of_week if any(self.open_days) else of_month or of_week


def _first_of_next_month(at: datetime) -> datetime:
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return at.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, fold=0)


def parse(text: str) -> Schedule:
    """The schedule of a text; raises ScheduleError."""
    words = text.split()
    zone: tzinfo = UTC
    if words and words[0].upper().startswith(("TZ=", "CRON_TZ=")):
        zone = _zone(words.pop(0).partition("=")[2])
    if words[:1] == ["@every"]:
        return _every(text, words[1:], zone)
    if len(words) == 1 and words[0].startswith("@"):
        if words[0].lower() not in _NAMED:
            raise ScheduleError(f"there is no {words[0]}; there are @every and {', '.join(_NAMED)}")
        words = _NAMED[words[0].lower()].split()
    if len(words) == 5:
        words = ["0", *words]
    if len(words) != 6:
        raise ScheduleError(f"{text!r} has {len(words)} fields; it needs 5, or 6 with seconds first")
    pairs = zip(words, _FIELDS, strict=True)
    fields = [_values(word, *field) for word, field in pairs]
    fields[5] = frozenset(day % 7 for day in fields[5])
    is_open = (words[3][0] in "*?", words[5][0] in "*?")
    return Schedule(text, 0.0, tuple(fields), is_open, zone)


def _every(text: str, words: list[str], zone: tzinfo) -> Schedule:
    span = read_span(words[0]) if len(words) == 1 and not words[0].isdigit() else None
    if not span:
        raise ScheduleError(f"{text!r} needs a span after @every, like 10s or 1h30m")
    # Shorter than a second would be a busy loop, and no cron has it.
    return Schedule(text, max(float(int(span)), 1.0), (), (True, True), zone)


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(f"there is no time zone {name!r}; write one like Europe/Berlin") from error


def _values(word: str, name: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in word.lower().split(","):
        span, _, step = part.partition("/")
        first, last = _ends(span, least, most, names, has_step=bool(step))
        width = int(step) if step.isdigit() else 0
        if (step and width == 0) or not least <= first <= last <= most:
            raise ScheduleError(f"{part!r} is no {name}; it has {least} to {most}, ranges, lists and steps")
        found.update(range(first, last + 1, width or 1))
    return frozenset(found)


def _ends(span: str, least: int, most: int, names: dict[str, int], *, has_step: bool) -> tuple[int, int]:
    if span in ("*", "?"):
        # Sunday is 0 and 7; an open field has it once.
        return least, 6 if most == 7 else most
    low, dash, high = span.partition("-")
    first = _number(low, names)
    if dash:
        return first, _number(high, names)
    return first, most if has_step else first


def _number(word: str, names: dict[str, int]) -> int:
    return names.get(word, int(word) if word.isdigit() else -1)
