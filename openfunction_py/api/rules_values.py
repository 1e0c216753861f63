"""Checks of single values, shared by the rules.

Each gives no error for a value of the wrong type: the shape check reports that.
"""

from __future__ import annotations

from collections.abc import Iterator

from openfunction_py.api.fields import Field, FieldError
from openfunction_py.lib import durations


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
