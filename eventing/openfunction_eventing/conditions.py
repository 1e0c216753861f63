"""Conditions of triggers: truth over inputs that had an event lately.

Pure: the state is a value, time is an argument in seconds; where the state is kept is the dispatcher's business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from openfunction_eventing.filters import syntax
from openfunction_eventing.filters.syntax import Node, ParseError

WINDOW = 60.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Input → when its last event came, in seconds.
State = Mapping[str, float]
_Truth = Callable[[Collection[str]], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and the inputs that it names."""

    text: str
    inputs: frozenset[str]
    holds: _Truth


def is_name(text: str) -> bool:
    """Whether an input may have this name: a condition must be able to say it."""
    return _NAME.fullmatch(text) is not None and text not in syntax.RESERVED


def compile(text: str, inputs: Iterable[str]) -> Condition:  # noqa: A001 - callers write conditions.compile
    """The condition of a text over named inputs; an empty text means any of them.

    Raises:
        ParseError: it cannot be read, uses more than `&& || !` and parentheses, or names no input or an
            unknown one; the position is that of the first mistake.
    """
    known = sorted(set(inputs))
    if not text.strip():
        return Condition("", frozenset(known), lambda warm: any(one in warm for one in known))
    tree = syntax.parse(text)
    holds = _truth(tree, known)
    named = frozenset(_names(tree))
    if not named:
        raise ParseError("names no input, so no event could fire it", tree.at)
    return Condition(text, named, holds)


def _truth(tree: Node, known: list[str]) -> _Truth:
    if isinstance(tree, syntax.Name):
        return _input(tree, known)
    if isinstance(tree, syntax.Literal) and isinstance(tree.value, bool):
        value = tree.value
        return lambda _warm: value
    if isinstance(tree, syntax.Unary) and tree.sign == "!":
        operand = _truth(tree.operand, known)
        return lambda warm: not operand(warm)
    if isinstance(tree, syntax.Binary) and tree.sign in ("&&", "||"):
        left, right = _truth(tree.left, known), _truth(tree.right, known)
        if tree.sign == "&&":
            return lambda warm: left(warm) and right(warm)
        return lambda warm: left(warm) or right(warm)
    raise ParseError("a condition has names of inputs, &&, ||, ! and parentheses only", tree.at)


def _input(tree: syntax.Name, known: list[str]) -> _Truth:
    name = tree.name
    if name in known:
        return lambda warm: name in warm
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    raise ParseError(f"there is no input {name!r}; {hint}", tree.at)


def _names(tree: Node) -> Iterator[str]:
    if isinstance(tree, syntax.Name):
        yield tree.name
    elif isinstance(tree, syntax.Unary):
        yield from _names(tree.operand)
    elif isinstance(tree, syntax.Binary):
        yield from _names(tree.left)
        yield from _names(tree.right)


def mark(state: State, input: str, now: float) -> State:  # noqa: A002 - the glossary's word
    """The state after an event of an input; an older event than the last one changes nothing."""
    return {**state, input: max(now, state.get(input, now))}


def warm(state: State, now: float, *, window: float = WINDOW) -> frozenset[str]:
    """Inputs whose last event is less than a window ago."""
    return frozenset(name for name, last in state.items() if now - last < window)


def forget(state: State, now: float, *, window: float = WINDOW) -> State:
    """The state without inputs that are cold; what remains decides the same."""
    return {name: last for name, last in state.items() if now - last < window}


def evaluate(
    condition: Condition,
    state: State,
    input: str,  # noqa: A002 - as above
    now: float,
    *,
    window: float = WINDOW,
) -> bool:
    """Whether an event of `input`, already marked, fires the condition: never when it does not name it."""
    return input in condition.inputs and condition.holds(warm(state, now, window=window))


def why(condition: Condition, state: State, now: float, *, window: float = WINDOW) -> str:
    """A sentence on what of the condition holds now, for the journal."""
    hot = warm(state, now, window=window)
    said = ", ".join(f"{name} {'true' if name in hot else 'false'}" for name in sorted(condition.inputs))
    return f"{condition.text or 'any input'}: {said}"
