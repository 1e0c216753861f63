"""Filter documents → one clause: exact, prefix and suffix on attributes, cel, and all, any, not over them.

Every mistake of a document is found, each at its path.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openfunction_eventing.filters import cel, clause
from openfunction_eventing.filters.clause import Anchor, Clause, Form
from openfunction_eventing.filters.facts import Facts, text_of
from openfunction_eventing.filters.syntax import ParseError

Document = Any  # what a manifest holds at this place, whatever its type
DIALECTS = ("exact", "prefix", "suffix", "all", "any", "not", "cel")
DEPTH = 32
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place; `position` counts characters from 0 inside an expression."""

    path: str
    message: str
    position: int | None = None


class FilterError(ValueError):
    """Filters that cannot be used, with everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults in the order of the document."""
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{one.path or 'filters'}: {one.message}" for one in faults))


def compile(filters: Document) -> Clause:  # noqa: A001 - the field's word; callers write dialects.compile
    """The clause of a list of filters, all of which must pass; none pass everything.

    Raises:
        FilterError: with every mistake, at paths that start at the list, like `[0].exact.type`.
    """
    found = list(faults(filters))
    if found:
        raise FilterError(found)
    return _all([_clause(one) for one in filters or []])


def faults(filters: Document, path: str = "", depth: int = 0) -> Iterator[Fault]:
    """Everything that is wrong with a list of filters."""
    if filters is None:
        return
    if not isinstance(filters, list):
        yield Fault(path, "must be a list of filters")
        return
    for index, one in enumerate(filters):
        yield from _faults(one, f"{path}[{index}]", depth)


def _faults(one: Document, path: str, depth: int) -> Iterator[Fault]:
    if depth > DEPTH:
        yield Fault(path, f"is nested deeper than {DEPTH}")
        return
    if not isinstance(one, dict) or len(one) != 1:
        yield Fault(path, f"must hold exactly one of {', '.join(DIALECTS)}")
        return
    ((name, value),) = one.items()
    below = f"{path}.{name}"
    if name in ("exact", "prefix", "suffix"):
        yield from _attributes(value, below)
    elif name in ("all", "any"):
        yield from _list(value, below, depth)
    elif name == "not":
        yield from _faults(value, below, depth + 1)
    elif name == "cel":
        yield from _expression(value, below)
    else:
        near = difflib.get_close_matches(str(name), DIALECTS, 1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(DIALECTS)}"
        yield Fault(below, f"there is no filter {name!r}; {hint}")


def _list(value: Document, path: str, depth: int) -> Iterator[Fault]:
    if not isinstance(value, list) or not value:
        yield Fault(path, "must be a list with at least one filter")
        return
    yield from faults(value, path, depth + 1)


def _attributes(value: Document, path: str) -> Iterator[Fault]:
    if not isinstance(value, dict) or not value:
        yield Fault(path, "must be a map of attributes to texts, with at least one")
        return
    for name, wanted in value.items():
        place = f"{path}.{name}" if _PLAIN.fullmatch(str(name)) else f"{path}[{name}]"
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            yield Fault(place, f"{name!r} is no attribute; its name has lower case letters and digits only")
        if not isinstance(wanted, str) or not wanted:
            yield Fault(place, "must be a text that is not empty")


def _expression(value: Document, path: str) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield Fault(path, "must be a text")
        return
    try:
        cel.compile(value)
    except ParseError as error:
        yield Fault(path, str(error), error.position)


def _clause(one: Mapping[str, Document]) -> Clause:
    ((name, value),) = one.items()
    return _MAKERS[name](value)


def _map(form: Form) -> Callable[[Mapping[str, str]], Clause]:
    def make(wanted: Mapping[str, str]) -> Clause:
        return _all([_attribute(form, name, value) for name, value in wanted.items()])

    return make


def _attribute(form: Form, name: str, wanted: str) -> Clause:
    compare = _COMPARES[form]
    word = "exact" if form is Form.IS else form.value

    def passes(facts: Facts) -> bool:
        value = facts.attributes.get(name)
        return value is not None and compare(value if isinstance(value, str) else text_of(value), wanted)

    def why(facts: Facts) -> str:
        if passes(facts):
            return ""
        value = facts.attributes.get(name)
        found = "is absent" if value is None else f"is {text_of(value)!r}"
        return f"{word} {name} {wanted!r}: it {found}"

    return Clause(passes, why, ((Anchor(form, ("text", name), wanted),),))


_COMPARES: dict[Form, Callable[[str, str], bool]] = {
    Form.IS: str.__eq__,
    Form.PREFIX: str.startswith,
    Form.SUFFIX: str.endswith,
}


def _all(clauses: Sequence[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    tests = [one.passes for one in clauses]

    def why(facts: Facts) -> str:
        return next((reason for one in clauses if (reason := one.why(facts))), "")

    groups = functools.reduce(clause.both, (one.groups for one in clauses)) if clauses else ()
    return Clause(lambda facts: all(test(facts) for test in tests), why, groups)


def _any(clauses: Sequence[Clause]) -> Clause:
    tests = [one.passes for one in clauses]

    def why(facts: Facts) -> str:
        reasons = [one.why(facts) for one in clauses]
        return "" if "" in reasons else f"any: {'; '.join(reasons)}"

    groups = functools.reduce(clause.either, (one.groups for one in clauses))
    return Clause(lambda facts: any(test(facts) for test in tests), why, groups)


def _not(inner: Clause, document: Document) -> Clause:
    def why(facts: Facts) -> str:
        return f"not {document}" if inner.passes(facts) else ""

    return Clause(lambda facts: not inner.passes(facts), why)


_MAKERS: dict[str, Callable[[Document], Clause]] = {
    "exact": _map(Form.IS),
    "prefix": _map(Form.PREFIX),
    "suffix": _map(Form.SUFFIX),
    "all": lambda value: _all([_clause(one) for one in value]),
    "any": lambda value: _any([_clause(one) for one in value]),
    "not": lambda value: _not(_clause(value), value),
    "cel": cel.compile,
}
