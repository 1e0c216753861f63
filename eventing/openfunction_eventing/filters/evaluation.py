"""A CEL tree compiled to a closure over the variables `event` (attributes) and `data`.

What has no value (a missing key, values that do not compare) is an EvaluationError; `&&` and `||` give an answer
all the same when the other side decides, as CEL has it.
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Callable
from typing import Any

from openfunction_eventing.filters import patterns, syntax
from openfunction_eventing.filters.facts import Facts
from openfunction_eventing.filters.syntax import Node, ParseError

Value = Any  # a JSON value: its type is only known when it is there
Compiled = Callable[[Facts], Value]
VARIABLES = ("data", "event")
# A pattern runs on text that strangers send.
MATCHED = 65_536
_NUMBERS = (int, float)


class EvaluationError(Exception):
    """An expression without a value for this event."""


def compile(tree: Node) -> Compiled:  # noqa: A001 - the field's word; callers write evaluation.compile
    """The closure of a tree.

    Raises:
        ParseError: an unknown variable, function or number of arguments; a wrong pattern.
    """
    return _COMPILERS[type(tree)](tree)


def _literal(tree: syntax.Literal) -> Compiled:
    value = tree.value
    return lambda _facts: value


def _name(tree: syntax.Name) -> Compiled:
    if tree.name == "data":
        return _data
    if tree.name == "event":
        return lambda facts: facts.attributes
    raise ParseError(f"there is no variable {tree.name!r}; use {' or '.join(VARIABLES)}", tree.at)


def _data(facts: Facts) -> Value:
    try:
        return facts.data
    except LookupError as error:
        raise EvaluationError(str(error)) from error


def _select(tree: syntax.Select) -> Compiled:
    of, field = compile(tree.of), tree.field
    return lambda facts: _item(of(facts), field)


def _index(tree: syntax.Index) -> Compiled:
    of, key = compile(tree.of), compile(tree.key)
    return lambda facts: _item(of(facts), key(facts))


def _item(of: Value, key: Value) -> Value:
    if isinstance(of, list):
        if _is_number(key) and 0 <= key < len(of) and key == int(key):
            return of[int(key)]
        raise EvaluationError(f"the list has no item {key!r}")
    if not hasattr(of, "keys"):
        raise EvaluationError(f"there is no {key!r} in {_kind(of)}")
    try:
        return of[key]
    except (KeyError, TypeError) as error:
        raise EvaluationError(f"there is no {key!r}") from error


def _items(tree: syntax.Items) -> Compiled:
    items = [compile(one) for one in tree.items]
    return lambda facts: [one(facts) for one in items]


def _unary(tree: syntax.Unary) -> Compiled:
    operand = compile(tree.operand)
    if tree.sign == "!":
        return lambda facts: not _truth(operand(facts))
    return lambda facts: -_number(operand(facts))


def _choice(tree: syntax.Choice) -> Compiled:
    test, yes, no = compile(tree.test), compile(tree.yes), compile(tree.no)
    return lambda facts: yes(facts) if _truth(test(facts)) else no(facts)


def _binary(tree: syntax.Binary) -> Compiled:
    left, right = compile(tree.left), compile(tree.right)
    if tree.sign in ("&&", "||"):
        return _logical(left, right, decides=tree.sign == "||")
    apply = _SIGNS[tree.sign]

    def binary(facts: Facts) -> Value:
        try:
            return apply(left(facts), right(facts))
        except (ArithmeticError, TypeError) as error:
            raise EvaluationError(f"{tree.sign}: {error}") from error

    return binary


def _logical(left: Compiled, right: Compiled, *, decides: bool) -> Compiled:
    def both(facts: Facts) -> bool:
        try:
            if _truth(left(facts)) is decides:
                return decides
        except EvaluationError:
            if _truth(right(facts)) is decides:
                return decides
            raise
        return _truth(right(facts))

    return both


def _truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"{_kind(value)} is no truth value")


def _number(value: Value) -> int | float:
    if _is_number(value):
        return value  # type: ignore[no-any-return]  # just asked
    raise EvaluationError(f"{_kind(value)} is no number")


def _is_number(value: Value) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _kind(value: Value) -> str:
    return {type(None): "null", dict: "a map", list: "a list", str: "a text"}.get(type(value), repr(value))


def equal(left: Value, right: Value) -> bool:
    """Equality of JSON values: numbers by value, everything else within its own type."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def _ordered(compare: Callable[[Value, Value], bool]) -> Callable[[Value, Value], bool]:
    def ordered(left: Value, right: Value) -> bool:
        comparable = (isinstance(left, str) and isinstance(right, str)) or (
            _is_number(left) and _is_number(right)
        )
        if not comparable:
            raise EvaluationError(f"{_kind(left)} and {_kind(right)} do not compare")
        return compare(left, right)

    return ordered


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    return _number(left) + _number(right)


def _divide(left: Value, right: Value) -> Value:
    """Whole numbers divide towards zero, as CEL's do."""
    above, below = _number(left), _number(right)
    if below == 0:
        raise EvaluationError("division by zero")
    if isinstance(above, int) and isinstance(below, int):
        quotient = abs(above) // abs(below)
        return quotient if (above < 0) == (below < 0) else -quotient
    return above / below


def _remainder(left: Value, right: Value) -> Value:
    if not isinstance(left, int) or not isinstance(right, int):
        raise EvaluationError("% takes whole numbers")
    return left - right * _divide(left, right)


def _within(item: Value, of: Value) -> bool:
    if isinstance(of, list):
        return any(equal(item, one) for one in of)
    if hasattr(of, "keys"):
        return item in of
    raise EvaluationError(f"nothing is in {_kind(of)}")


_SIGNS: dict[str, Callable[[Value, Value], Value]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _within,
    "+": _plus,
    "-": lambda left, right: _number(left) - _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "/": _divide,
    "%": _remainder,
}


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise EvaluationError(f"{_kind(value)} is no text")


def _size(value: Value) -> int:
    if isinstance(value, str | list) or hasattr(value, "keys"):
        return len(value)
    raise EvaluationError(f"{_kind(value)} has no size")


def _int(value: Value) -> int:
    try:
        return int(value) if isinstance(value, str) else math.trunc(_number(value))
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"{value!r} is no whole number") from error


def _double(value: Value) -> float:
    try:
        return float(value) if isinstance(value, str) else float(_number(value))
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"{value!r} is no number") from error


def _string(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) or _is_number(value):
        try:
            return str(value)
        except ValueError as error:  # Python writes no number of thousands of digits
            raise EvaluationError(str(error)) from error
    raise EvaluationError(f"{_kind(value)} has no text")


_FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "size": _size,
    "int": _int,
    "double": _double,
    "string": _string,
}
_METHODS: dict[str, Callable[[Value, Value], Value]] = {
    "startsWith": lambda of, part: _text(of).startswith(_text(part)),
    "endsWith": lambda of, part: _text(of).endswith(_text(part)),
    "contains": lambda of, part: _text(part) in _text(of),
}


def _call(tree: syntax.Call) -> Compiled:
    if tree.of is None:
        return _has(tree) if tree.name == "has" else _function(tree)
    if tree.name == "size" and not tree.arguments:
        return _function(syntax.Call(None, "size", (tree.of,), tree.at))
    if tree.name == "matches":
        return _matches(tree.of, tree)
    method = _METHODS.get(tree.name)
    if method is None:
        raise _unknown(tree, "method", [*_METHODS, "matches", "size"])
    of, part = compile(tree.of), _one(tree)
    return lambda facts: method(of(facts), part(facts))


def _function(tree: syntax.Call) -> Compiled:
    function = _FUNCTIONS.get(tree.name)
    if function is None:
        raise _unknown(tree, "function", [*_FUNCTIONS, "has"])
    argument = _one(tree)
    return lambda facts: function(argument(facts))


def _has(tree: syntax.Call) -> Compiled:
    argument = _one(tree)
    if not isinstance(tree.arguments[0], syntax.Select):
        raise ParseError("has() takes a field, like has(data.name)", tree.at)

    def has(facts: Facts) -> bool:
        try:
            argument(facts)
        except EvaluationError:
            return False
        return True

    return has


def _matches(of: Node, tree: syntax.Call) -> Compiled:
    subject = compile(of)
    _one(tree)
    pattern = tree.arguments[0]
    if not isinstance(pattern, syntax.Literal) or not isinstance(pattern.value, str):
        raise ParseError("matches() takes its pattern as a text in quotes", tree.at)
    try:
        compiled = patterns.Pattern(pattern.value)
    except patterns.PatternError as error:
        raise ParseError(str(error), pattern.at) from error

    def matches(facts: Facts) -> bool:
        text = _text(subject(facts))
        if len(text) > MATCHED:
            raise EvaluationError(f"a text of {len(text)} characters is too long for matches()")
        return compiled.is_in(text)

    return matches


def _one(tree: syntax.Call) -> Compiled:
    if len(tree.arguments) != 1:
        raise ParseError(f"{tree.name}() takes one argument, not {len(tree.arguments)}", tree.at)
    return compile(tree.arguments[0])


def _unknown(tree: syntax.Call, what: str, known: list[str]) -> ParseError:
    near = difflib.get_close_matches(tree.name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return ParseError(f"there is no {what} {tree.name}(); {hint}", tree.at)


_COMPILERS: dict[type, Callable[[Any], Compiled]] = {
    syntax.Literal: _literal,
    syntax.Name: _name,
    syntax.Select: _select,
    syntax.Index: _index,
    syntax.Items: _items,
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.Choice: _choice,
    syntax.Call: _call,
}


def is_boolean(tree: Node) -> bool | None:
    """Whether a tree can only give a truth value (True), never does (False), or depends on the event (None)."""
    if isinstance(tree, syntax.Literal):
        return isinstance(tree.value, bool)
    if isinstance(tree, syntax.Binary):
        return tree.sign not in ("+", "-", "*", "/", "%")
    if isinstance(tree, syntax.Unary):
        return tree.sign == "!"
    if isinstance(tree, syntax.Items):
        return False
    if isinstance(tree, syntax.Call):
        return tree.name not in _FUNCTIONS
    if isinstance(tree, syntax.Choice):
        sides = {is_boolean(tree.yes), is_boolean(tree.no)}
        return sides.pop() if len(sides) == 1 else None
    return None
