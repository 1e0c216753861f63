"""A compiled filter: whether an event passes, why it does not, and what it must hold to pass at all.

The last is for the index; a clause that can say nothing about it is tried on every event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from openfunction_eventing.filters.facts import Facts

# Groups of alternatives multiply under "or"; beyond this the index would cost more than it saves.
_GROUPS = 16
_ANCHORS = 256


class Form(StrEnum):
    """How a value must stand to an anchor's."""

    IS = "is"
    PREFIX = "prefix"
    SUFFIX = "suffix"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A value at a place of the event: `path` starts with `text` (an attribute as text), `event` or `data`."""

    form: Form
    path: tuple[str, ...]
    value: object


# One of the anchors of each group must hold.
Group = tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One filter; `why` gives an empty text when the event passes."""

    passes: Callable[[Facts], bool]
    why: Callable[[Facts], str]
    groups: tuple[Group, ...] = ()


def both(left: tuple[Group, ...], right: tuple[Group, ...]) -> tuple[Group, ...]:
    """What must hold when both sides must pass."""
    return (*left, *right)[:_GROUPS]


def either(left: tuple[Group, ...], right: tuple[Group, ...]) -> tuple[Group, ...]:
    """What must hold when one side is enough; nothing when a side says nothing."""
    mixed = [(*one, *other) for one in left for other in right]
    return tuple(group for group in mixed if len(group) <= _ANCHORS)[:_GROUPS]
