"""Patterns of `matches()`: whether a text holds one, in a time that grows with the text and never by leaps.

Python's own matcher tries again and again, so that a stranger's text could hold up everybody's events. Here all ways
are followed at once, as RE2 does it, whose language CEL's patterns are written in: classes such as `\\d` are ASCII, and
`$` is the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from re import _constants as sre  # type: ignore[attr-defined]  # Python's own reader of patterns, which has no types
from re import _parser  # type: ignore[attr-defined]  # as above
from typing import Any

# States of a pattern; repetitions with a count are written out.
LARGEST = 1_000
# Steps between states that one text may cost, and sets of states that are kept ready.
_STEPS = 200_000
_KEPT = 1_000
_END = -1

Fits = Callable[[str], bool]
Place = Callable[[str, str], bool]  # of the characters before and after, "" at the ends
_CATEGORIES: dict[Any, tuple[str, bool]] = {
    sre.CATEGORY_DIGIT: ("0123456789", True),
    sre.CATEGORY_NOT_DIGIT: ("0123456789", False),
    sre.CATEGORY_SPACE: (" \t\n\f\r", True),
    sre.CATEGORY_NOT_SPACE: (" \t\n\f\r", False),
}


class PatternError(ValueError):
    """A pattern that cannot be used, or a text that costs too much to look at."""


def _is_word(one: str) -> bool:
    return one.isascii() and (one.isalnum() or one == "_")


_PLACES: dict[Any, Place] = {
    sre.AT_BEGINNING: lambda before, _: not before,
    sre.AT_BEGINNING_STRING: lambda before, _: not before,
    sre.AT_BEGINNING_LINE: lambda before, _: before in ("", "\n"),
    sre.AT_END: lambda _, after: not after,
    sre.AT_END_STRING: lambda _, after: not after,
    sre.AT_END_LINE: lambda _, after: after in ("", "\n"),
    sre.AT_BOUNDARY: lambda before, after: _is_word(before) != _is_word(after),
    sre.AT_NON_BOUNDARY: lambda before, after: _is_word(before) == _is_word(after),
}


@dataclass(slots=True)
class _State:
    """A character that fits leads on, or nothing (`fits` None) does; `place` is where the latter is allowed."""

    fits: Fits | None = None
    place: Place | None = None
    to: list[int] = field(default_factory=list)


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        """Read it; raises PatternError."""
        self._states: list[_State] = []
        try:
            tree = _parser.parse(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise PatternError(f"the pattern is wrong: {error}") from error
        self._start = self._sequence(tree, _END, tree.state.flags)
        self._known: dict[tuple[frozenset[int], str, str], frozenset[int] | None] = {}

    def is_in(self, text: str) -> bool:
        """Whether a piece of the text matches; raises PatternError when that costs too much to find out."""
        waiting, before, spent = frozenset[int](), "", 0
        for after in [*text, ""]:
            key = (waiting, before, after)
            if key not in self._known:
                spent += len(waiting) + 1
                if spent > _STEPS:
                    raise PatternError("the text is too long for this pattern")
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[key] = self._step(waiting, before, after)
            found = self._known[key]
            if found is None:
                return True
            waiting, before = found, after
        return False

    def _step(self, waiting: frozenset[int], before: str, after: str) -> frozenset[int] | None:
        """What waits for the next character once `after` was read; None when the pattern is complete before it."""
        reached: set[int] = set()
        open_ = [self._start, *waiting]
        while open_:
            number = open_.pop()
            if number == _END:
                return None
            if number in reached:
                continue
            reached.add(number)
            state = self._states[number]
            if state.fits is None and (state.place is None or state.place(before, after)):
                open_ += state.to
        if not after:
            return frozenset()
        fitting = (self._states[number] for number in reached)
        return frozenset(
            to for state in fitting if state.fits is not None and state.fits(after) for to in state.to
        )

    def _add(self, state: _State) -> int:
        if len(self._states) >= LARGEST:
            raise PatternError(
                f"the pattern is too large: more than {LARGEST} parts, repetitions written out"
            )
        self._states.append(state)
        return len(self._states) - 1

    def _sequence(self, nodes: Iterable[tuple[Any, Any]], to: int, flags: int) -> int:
        """The first state of nodes that follow each other and lead to a state; built from the end."""
        for kind, value in reversed(list(nodes)):
            to = self._node(kind, value, to, flags)
        return to

    def _node(self, kind: Any, value: Any, to: int, flags: int) -> int:
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(value, to, flags)
        if kind is sre.BRANCH:
            return self._add(_State(to=[self._sequence(one, to, flags) for one in value[1]]))
        if kind is sre.SUBPATTERN:
            _, added, taken, nodes = value
            return self._sequence(nodes, to, (flags | added) & ~taken)
        if kind is sre.AT:
            if flags & re.MULTILINE:
                value = {
                    sre.AT_BEGINNING: sre.AT_BEGINNING_LINE,
                    sre.AT_END: sre.AT_END_LINE,
                }.get(value, value)
            return self._add(_State(place=_PLACES[value], to=[to]))
        return self._add(_State(_fits(kind, value, flags), to=[to]))

    def _repeat(self, value: tuple[int, Any, Sequence[Any]], to: int, flags: int) -> int:
        least, most, nodes = value
        if most is sre.MAXREPEAT:
            loop = self._add(_State())
            self._states[loop].to = [self._sequence(nodes, loop, flags), to]
            to = loop
        else:
            end = to
            for _ in range(most - least):
                to = self._add(_State(to=[self._sequence(nodes, to, flags), end]))
        for _ in range(least):
            to = self._sequence(nodes, to, flags)
        return to


def _fits(kind: Any, value: Any, flags: int) -> Fits:
    """Whether one character is what a node wants."""
    if kind is sre.ANY:
        return (lambda _: True) if flags & re.DOTALL else (lambda one: one != "\n")
    if kind is sre.CATEGORY:
        if value in (sre.CATEGORY_WORD, sre.CATEGORY_NOT_WORD):
            return lambda one: _is_word(one) is (value is sre.CATEGORY_WORD)
        of, inside = _CATEGORIES[value]
        return lambda one: (one in of) is inside
    if kind is sre.IN:
        parts = [_fits(part, held, flags) for part, held in value if part is not sre.NEGATE]
        inside = len(parts) == len(value)
        return lambda one: any(fits(one) for fits in parts) is inside
    if kind in (sre.LITERAL, sre.NOT_LITERAL, sre.RANGE):
        low, high = value if kind is sre.RANGE else (value, value)
        inside = kind is not sre.NOT_LITERAL
        if not flags & re.IGNORECASE:
            return lambda one: (low <= ord(one) <= high) is inside
        return lambda one: any(low <= ord(case) <= high for case in _cases(one)) is inside
    raise PatternError("a pattern may not look around, refer back or hold on to what it has")


def _cases(one: str) -> set[str]:
    return {case for case in (one, one.lower(), one.upper()) if len(case) == 1}
