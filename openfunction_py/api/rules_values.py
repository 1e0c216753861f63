"""Checks of single values, shared by the rules.

Each gives no error for a value of the wrong type: the shape check reports that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from openfunction_py.api.fields import Field, FieldError
from openfunction_py.lib import durations, quantities


def at_least(field: Field, bound: int) -> Iterator[FieldError]:
    """A whole number, not below `bound`."""
    if field.number is not None and field.number < bound:
        yield field.invalid(f"{field.number} is too small; it must be {bound} or more")


def between(field: Field, low: int, high: int) -> Iterator[FieldError]:
    """A whole number from `low` to `high`."""
    if field.number is not None and not low <= field.number <= high:
        yield field.invalid(f"{field.number} is out of range; it must be from {low} to {high}")


def one_of(field: Field, *allowed: str) -> Iterator[FieldError]:
    """One of the words, when given."""
    if field.text and field.text not in allowed:
        yield field.unsupported(allowed)


def duration(field: Field) -> Iterator[FieldError]:
    """A Go duration, not negative."""
    if not isinstance(field.value, str):
        return
    try:
        negative = durations.parse(field.text).total_seconds() < 0
    except ValueError as error:
        yield field.invalid(str(error))
        return
    if negative:
        yield field.invalid(f"{field.text} is negative; it must be 0s or more")


_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def parse_delay(text: str) -> timedelta:
    """A delay as Knative writes it (PT1.5S) or as Go does (1.5s).

    Raises:
        ValueError: it is neither.
    """
    match = _ISO.fullmatch(text)
    if match is None or text in ("P", "PT"):
        return durations.parse(text)
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def delay(field: Field) -> Iterator[FieldError]:
    """A delay of either spelling, not negative."""
    if not isinstance(field.value, str):
        return
    try:
        negative = parse_delay(field.text) < timedelta(0)
    except ValueError:
        yield field.invalid(f"{field.text!r} is no delay; write it like PT2S or 2s")
        return
    if negative:
        yield field.invalid(f"{field.text} is negative; it must be 0s or more")


def quantity(field: Field) -> Iterator[FieldError]:
    """A Kubernetes quantity above zero, when given."""
    if not isinstance(field.value, int | str) or isinstance(field.value, bool):
        return
    try:
        low = quantities.parse(field.value) <= 0
    except ValueError as error:
        yield field.invalid(str(error))
        return
    if low:
        yield field.invalid(f"{field.value} is too small; it must be above 0")
