"""The formula of scalingModifiers: one number made of the values of several triggers.

The part of expr-lang's language that makes numbers: arithmetic, comparison, logic, `?:`, `??`, lists, and functions on
numbers and lists, some with a predicate in braces over `#`. It is compiled once; an error names its position.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = Any  # a number, a truth value, a list of them, or None for what is not known
Env = Mapping[str, Value]
Part = Callable[[Env], Value]
ITEM = "#"


class FormulaError(Exception):
    """A formula that cannot be read, or that gives no number for these values."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>\?\?|\*\*|&&|\|\||==|!=|<=|>=|[-+*/%^<>!?:(),\[\]{}#]))"
)
_END = ("", "", -1)
Token = tuple[str, str, int]  # kind, text, position

# The strength with which an operator holds its sides; those of the right hold their right side again.
_STRENGTH: Mapping[str, int] = {
    "or": 10, "||": 10, "and": 20, "&&": 20, "==": 30, "!=": 30, "<": 30, ">": 30, "<=": 30, ">=": 30,
    "in": 30, "not": 30, "+": 40, "-": 40, "*": 50, "/": 50, "%": 50, "**": 60, "^": 60, "??": 70,
}  # fmt: skip
# A denial holds what follows more strongly than a comparison or a sum does: `not a == b` asks whether `not a` is b.
_CHOICE, _SIGN, _NOT = 5, 55, 45


def _power(left: Value, right: Value) -> Any:
    """In floats: whole numbers would grow for ever."""
    return float(left) ** float(right)


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "**": _power, "^": _power,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def _flat(values: Sequence[Value]) -> list[Value]:
    found: list[Value] = []
    for one in values:
        found += _flat(one) if isinstance(one, list) else [one]
    return found


def _mean(*values: Value) -> float:
    found = _flat(values)
    return sum(found) / len(found) if found else 0.0


def _median(*values: Value) -> float:
    found = sorted(_flat(values))
    middle = len(found) // 2
    if not found:
        return 0.0
    return float(found[middle]) if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def _round(value: Value) -> float:
    """Halves go away from zero, as Go rounds."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": abs, "ceil": math.ceil, "floor": math.floor, "round": _round, "int": math.trunc, "float": float,
    "max": lambda *values: max(_flat(values)), "min": lambda *values: min(_flat(values)),
    "sum": lambda *values: sum(_flat(values)), "mean": _mean, "median": _median, "len": len,
    "first": lambda values: values[0] if values else None, "last": lambda values: values[-1] if values else None,
    "sort": sorted, "reverse": lambda values: values[::-1],
}  # fmt: skip
_OVER: Mapping[str, Callable[[list[Value], list[Value]], Value]] = {
    "count": lambda _, told: sum(1 for one in told if one),
    "filter": lambda values, told: [value for value, one in zip(values, told, strict=True) if one],
    "map": lambda _, told: told,
    "sum": lambda _, told: sum(told),
    "all": lambda _, told: all(told),
    "any": lambda _, told: any(told),
    "none": lambda _, told: not any(told),
    "one": lambda _, told: sum(1 for one in told if one) == 1,
    "find": lambda values, told: next((value for value, one in zip(values, told, strict=True) if one), None),
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read: the names that it asks for, and how it is computed."""

    names: frozenset[str]
    part: Part

    def value(self, values: Env) -> float:
        """The number for these values, of which None is not known; raises FormulaError."""
        try:
            found = self.part(values)
        except (TypeError, ValueError, ArithmeticError, IndexError, KeyError) as error:
            unknown = sorted(name for name in self.names if values.get(name) is None)
            why = f"{', '.join(unknown)} is not known" if unknown else str(error)
            raise FormulaError(f"the formula gives no number: {why}") from error
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise FormulaError(f"the formula gives {found!r}, which is no number")
        return float(found)


def read(text: str) -> Formula:
    """Compile a formula; raises FormulaError with the position of what cannot be read."""
    reader = _Reader(_tokens(text))
    try:
        part = reader.expression(0)
    except RecursionError as error:
        raise FormulaError("the formula is nested too deeply") from error
    reader.end()
    return Formula(frozenset(reader.names), part)


def _tokens(text: str) -> list[Token]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise FormulaError(f"the formula cannot be read at {at + 1}: {text[at : at + 10]!r}")
        kind = match.lastgroup or ""
        found.append((kind, match[kind], match.start(kind)))
        place = match.end()
    return found


class _Reader:
    """Reads tokens by the strength of operators."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._inside = 0  # of predicates, where # has a meaning
        self.names: set[str] = set()

    def _peek(self) -> Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _END

    def _take(self) -> Token:
        token = self._peek()
        self._place += 1
        return token

    def _is(self, text: str) -> bool:
        kind, found, _ = self._peek()
        return kind != "number" and found == text

    def _wrong(self, token: Token, wanted: str) -> FormulaError:
        where = "at its end" if token[2] < 0 else f"at {token[2] + 1}: {token[1]!r}"
        return FormulaError(f"the formula cannot be read {where}; {wanted} is missing")

    def _must(self, text: str) -> None:
        token = self._take()
        if token[1] != text or token[0] == "number":
            raise self._wrong(token, repr(text))

    def end(self) -> None:
        """Nothing may be left."""
        if self._peek() is not _END:
            raise self._wrong(self._peek(), "an operator")

    def expression(self, least: int) -> Part:
        """What holds together at least so strongly."""
        left = self._first()
        while True:
            if self._is("?") and least <= _CHOICE:
                left = self._choice(left)
                continue
            _, word, _ = token = self._peek()
            strength = _STRENGTH.get(word, -1) if token[0] in ("sign", "name") else -1
            if strength < max(least, 0) or strength == -1:
                return left
            left = self._binary(left, strength)

    def _binary(self, left: Part, strength: int) -> Part:
        _, word, _ = self._take()
        negated = word == "not"
        if negated:
            self._must("in")
            word = "in"
        right = self.expression(strength if word in ("**", "^") else strength + 1)
        made = _operator(word, left, right)
        return (lambda env: not made(env)) if negated else made

    def _choice(self, asked: Part) -> Part:
        self._take()
        yes = self.expression(0)
        self._must(":")
        no = self.expression(0)
        return lambda env: yes(env) if asked(env) else no(env)

    def _first(self) -> Part:
        kind, text, _ = token = self._take()
        if kind == "number":
            number = float(text.replace("_", "")) if re.search(r"[.eE]", text) else int(text.replace("_", ""))
            return lambda _: number
        if kind == "name":
            return self._named(text)
        if text in ("-", "+"):
            inner = self.expression(_SIGN)
            return (lambda env: -inner(env)) if text == "-" else inner
        if text == "!":
            denied = self.expression(_NOT)
            return lambda env: not denied(env)
        if text == "(":
            whole = self.expression(0)
            self._must(")")
            return whole
        if text == "[":
            return self._list()
        if text == ITEM and self._inside:
            return lambda env: env[ITEM]
        raise self._wrong(token, "a value")

    def _named(self, text: str) -> Part:
        if text == "not":
            denied = self.expression(_NOT)
            return lambda env: not denied(env)
        if text in ("true", "false", "nil"):
            constant = {"true": True, "false": False}.get(text)
            return lambda _: constant
        if self._is("("):
            return self._call(text)
        self.names.add(text)
        return lambda env: env.get(text)

    def _list(self) -> Part:
        parts = self._until("]")
        return lambda env: [part(env) for part in parts]

    def _until(self, closing: str) -> list[Part]:
        parts: list[Part] = []
        while not self._is(closing):
            parts.append(self.expression(0))
            if not self._is(closing):
                self._must(",")
        self._take()
        return parts

    def _call(self, name: str) -> Part:
        if name not in _FUNCTIONS and name not in _OVER:
            known = ", ".join(sorted({*_FUNCTIONS, *_OVER}))
            raise FormulaError(f"there is no function {name} in formulas; there are {known}")
        self._must("(")
        if name not in _OVER:
            return _applied(_FUNCTIONS[name], self._until(")"))
        values = self.expression(0)
        if self._is(","):
            self._take()
            if name not in _FUNCTIONS or self._is("{"):
                return self._over(name, values)
            return _applied(_FUNCTIONS[name], [values, *self._until(")")])
        self._must(")")
        if name in _FUNCTIONS:
            return _applied(_FUNCTIONS[name], [values])
        return lambda env: _OVER[name](values(env), values(env))

    def _over(self, name: str, values: Part) -> Part:
        braced = self._is("{")
        if braced:
            self._take()
        self._inside += 1
        told = self.expression(0)
        self._inside -= 1
        if braced:
            self._must("}")
        self._must(")")

        def compute(env: Env) -> Value:
            found = values(env)
            return _OVER[name](found, [told({**env, ITEM: one}) for one in found])

        return compute


def _applied(function: Callable[..., Value], parts: Sequence[Part]) -> Part:
    return lambda env: function(*(part(env) for part in parts))


def _operator(word: str, left: Part, right: Part) -> Part:
    if word in ("and", "&&"):
        return lambda env: bool(left(env)) and bool(right(env))
    if word in ("or", "||"):
        return lambda env: bool(left(env)) or bool(right(env))
    if word == "??":
        return lambda env: found if (found := left(env)) is not None else right(env)
    if word == "in":
        return lambda env: left(env) in right(env)
    if word in ("==", "!="):
        return lambda env: (left(env) == right(env)) == (word == "==")
    if word == "/":
        return lambda env: _divided(left(env), right(env))
    if word == "%":
        return lambda env: math.fmod(left(env), right(env))
    return lambda env: _ARITHMETIC[word](left(env), right(env))


def _divided(left: float, right: float) -> float:
    """As floats of Go divide: by zero it is infinite, and zero by zero no number; KEDA exports both as 0."""
    if right == 0:
        return math.nan if left == 0 else math.copysign(math.inf, left)
    return left / right
