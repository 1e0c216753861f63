"""Many filters on one bus: an event is tried on those alone that its own values lead to.

Each entry stands under one group of anchors, the one that fewest entries share; what has none is tried always.
Built once per change of the triggers, never changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from openfunction_eventing.filters.clause import Anchor, Clause, Form, Group
from openfunction_eventing.filters.facts import Facts, text_of

T = TypeVar("T")
Path = tuple[str, ...]
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A filter, the topics it looks at (none: all of them), and whose it is."""

    owner: T
    clause: Clause
    topics: frozenset[str] = frozenset()


class _Part(Generic[T]):
    """Entries that look at one topic."""

    def __init__(self, entries: list[tuple[int, Entry[T]]]) -> None:
        self.entries = dict(entries)
        self.always: list[int] = []
        self.values: defaultdict[Path, defaultdict[object, list[int]]] = defaultdict(_lists)
        self.pieces: defaultdict[tuple[Path, Form, int], defaultdict[str, list[int]]] = defaultdict(_texts)
        shared = Counter(anchor for _, one in entries for group in one.clause.groups for anchor in group)
        for number, one in entries:
            self._place(number, one.clause.groups, shared)

    def _place(self, number: int, groups: tuple[Group, ...], shared: Counter[Anchor]) -> None:
        if not groups:
            self.always.append(number)
            return
        for anchor in min(groups, key=lambda group: sum(shared[anchor] for anchor in group)):
            if anchor.form is Form.IS:
                self.values[anchor.path][_key(anchor.value)].append(number)
            else:
                text = str(anchor.value)
                self.pieces[anchor.path, anchor.form, len(text)][text].append(number)

    def candidates(self, facts: Facts) -> list[int]:
        found = set(self.always)
        seen: dict[Path, object] = {}
        for path, by_value in self.values.items():
            value = seen.setdefault(path, _read(path, facts))
            if value is not _ABSENT:
                found.update(by_value.get(_key(value), ()))
        for (path, form, length), by_text in self.pieces.items():
            text = seen[path] if path in seen else seen.setdefault(path, _read(path, facts))
            if isinstance(text, str) and len(text) >= length:
                piece = text[:length] if form is Form.PREFIX else text[-length:]
                found.update(by_text.get(piece, ()))
        return sorted(found)


def _lists() -> defaultdict[object, list[int]]:
    return defaultdict(list)


def _texts() -> defaultdict[str, list[int]]:
    return defaultdict(list)


class Index(Generic[T]):
    """All filters of a bus."""

    def __init__(self, entries: Iterable[Entry[T]]) -> None:
        """Place every entry under each of its topics."""
        numbered = list(enumerate(entries))
        self._everywhere = _Part([(number, one) for number, one in numbered if not one.topics])
        by_topic: defaultdict[str, list[tuple[int, Entry[T]]]] = defaultdict(list)
        for number, one in numbered:
            for topic in one.topics:
                by_topic[topic].append((number, one))
        self._topics = {topic: _Part(found) for topic, found in by_topic.items()}

    def candidates(self, topic: str, facts: Facts) -> list[Entry[T]]:
        """The entries that may pass, in the order they were given; every other entry cannot."""
        parts = [part for part in (self._everywhere, self._topics.get(topic)) if part is not None]
        found = [(number, part.entries[number]) for part in parts for number in part.candidates(facts)]
        return [one for _, one in sorted(found, key=lambda pair: pair[0])]

    def matches(self, topic: str, facts: Facts) -> list[Entry[T]]:
        """The entries that the event passes."""
        return [one for one in self.candidates(topic, facts) if one.clause.passes(facts)]


def _key(value: object) -> object:
    """Values that CEL calls equal have one key; true and 1 have two."""
    if isinstance(value, bool):
        return ("truth", value)
    return value if isinstance(value, str | int | float | None) else _ABSENT


def _read(path: Path, facts: Facts) -> object:
    root, *keys = path
    if root == "text":
        value = facts.attributes.get(keys[0], _ABSENT)
        return value if value is _ABSENT or isinstance(value, str) else text_of(value)
    try:
        here: object = facts.attributes if root == "event" else facts.data
        for key in keys:
            here = here[key]  # type: ignore[index]  # asked for and answered below
    except (LookupError, TypeError):
        return _ABSENT
    return here
