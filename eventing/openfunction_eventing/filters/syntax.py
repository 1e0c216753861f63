"""The part of CEL that conditions and filters are written in: text → tree, every node with its position.

It reads; what a tree means is for `evaluation` and `conditions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DEPTH = 50
# What compiles and evaluates a tree descends into it, and Python's stack has an end.
NESTED = 150
LENGTH = 16_384
_DIGITS = 40
RESERVED = frozenset({"true", "false", "null", "in"})

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)
      | (?P<text>r?"(?:[^"\\\n]|\\.)*"|r?'(?:[^'\\\n]|\\.)*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-!<>+*/%?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "`": "`", "?": "?",
    "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0",
}  # fmt: skip
_ESCAPED = re.compile(r"\\(U[0-9A-Fa-f]{8}|u[0-9A-Fa-f]{4}|[xX][0-9A-Fa-f]{2}|[0-3][0-7]{2}|.)", re.DOTALL)


class ParseError(ValueError):
    """An expression that cannot be read; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        """Keep what is wrong and where; people count from 1."""
        self.message = message
        self.position = position
        super().__init__(f"{message} (at character {position + 1})")


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, text, truth value or null."""

    value: object
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Select:
    """`of.field`."""

    of: Node
    field: str
    at: int


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`."""

    of: Node
    key: Node
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`name(…)`, or `of.name(…)`."""

    of: Node | None
    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`!x` or `-x`."""

    sign: str
    operand: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left sign right`."""

    sign: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    at: int


Node = Literal | Name | Select | Index | Call | Unary | Binary | Choice | Items


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        ParseError: it is none; the position is where reading stopped.
    """
    if len(text) > LENGTH:
        raise ParseError(f"is {len(text)} characters long; at most {LENGTH} are read", LENGTH)
    tree = _Parser(_tokens(text)).whole()
    deepest = [(tree, 1)]
    while deepest:
        node, depth = deepest.pop()
        if depth > NESTED:
            raise ParseError(f"is nested deeper than {NESTED}", node.at)
        deepest += [(one, depth + 1) for one in _parts(node)]
    return tree


def _parts(node: Node) -> Iterator[Node]:
    if isinstance(node, Unary):
        yield node.operand
    elif isinstance(node, Binary):
        yield from (node.left, node.right)
    elif isinstance(node, Choice):
        yield from (node.test, node.yes, node.no)
    elif isinstance(node, Items):
        yield from node.items
    elif isinstance(node, Call):
        yield from (*([] if node.of is None else [node.of]), *node.arguments)
    elif isinstance(node, Index):
        yield from (node.of, node.key)
    elif isinstance(node, Select):
        yield node.of


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            what = "a text has no closing quote" if text[at] in "\"'" else f"{text[at]!r} is not understood"
            raise ParseError(what, at)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


# Weakest first; each level binds to the left.
_LOGICAL = 2
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))


class _Parser:
    """Recursive descent over tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        """The one expression that all tokens make."""
        if self._peek.kind == "end":
            raise ParseError("is empty", 0)
        tree = self._choice()
        if self._peek.kind != "end":
            raise ParseError(f"{self._peek.text!r} is not expected here", self._peek.at)
        return tree

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _is(self, *signs: str) -> bool:
        return self._peek.kind in ("sign", "name") and self._peek.text in signs

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            found = repr(self._peek.text) if self._peek.text else "the end"
            raise ParseError(f"{sign!r} is missing before {found}", self._peek.at)
        self._take()

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH:
            raise ParseError(f"is nested deeper than {DEPTH}", self._peek.at)
        tree = self._level(0)
        if self._is("?"):
            at = self._take().at
            yes = self._choice()
            self._expect(":")
            tree = Choice(tree, yes, self._choice(), at)
        self._depth -= 1
        return tree

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        parts, signs = [self._level(level + 1)], []
        while self._is(*_LEVELS[level]):
            signs.append(self._take())
            parts.append(self._level(level + 1))
        if level < _LOGICAL:
            return _balanced(parts, signs)
        tree = parts[0]
        for sign, right in zip(signs, parts[1:], strict=True):
            tree = Binary(sign.text, tree, right, sign.at)
        return tree

    def _unary(self) -> Node:
        signs = []
        while self._is("!", "-"):
            signs.append(self._take())
            if len(signs) > DEPTH:
                raise ParseError(f"is nested deeper than {DEPTH}", signs[-1].at)
        tree = self._member()
        for sign in reversed(signs):
            tree = Unary(sign.text, tree, sign.at)
        return tree

    def _member(self) -> Node:
        tree = self._primary()
        while self._is(".", "["):
            sign = self._take()
            tree = self._index(tree, sign.at) if sign.text == "[" else self._select(tree, sign.at)
        return tree

    def _index(self, of: Node, at: int) -> Node:
        key = self._choice()
        self._expect("]")
        return Index(of, key, at)

    def _select(self, of: Node, at: int) -> Node:
        if self._peek.kind != "name":
            raise ParseError("a name must follow '.'", self._peek.at)
        field = self._take().text
        return Call(of, field, self._arguments(")"), at) if self._is("(") else Select(of, field, at)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        self._take()
        found: list[Node] = []
        while not self._is(closing):
            if found:
                self._expect(",")
            found.append(self._choice())
        self._take()
        return tuple(found)

    def _primary(self) -> Node:
        token = self._peek
        if self._is("["):
            return Items(self._arguments("]"), token.at)
        self._take()
        if token.text == "(" and token.kind == "sign":
            tree = self._choice()
            self._expect(")")
            return tree
        if token.kind == "number":
            return Literal(_number(token), token.at)
        if token.kind == "text":
            return Literal(_unquoted(token), token.at)
        if token.kind == "name":
            return self._named(token)
        found = repr(token.text) if token.text else "the end"
        raise ParseError(f"a value is missing before {found}", token.at)

    def _named(self, token: _Token) -> Node:
        words: dict[str, object] = {"true": True, "false": False, "null": None}
        if token.text in words:
            return Literal(words[token.text], token.at)
        if token.text in RESERVED:
            raise ParseError(f"{token.text!r} is not expected here", token.at)
        if self._is("("):
            return Call(None, token.text, self._arguments(")"), token.at)
        return Name(token.text, token.at)


def _number(token: _Token) -> int | float:
    if len(token.text) > _DIGITS:
        raise ParseError(f"a number has at most {_DIGITS} characters", token.at)
    return int(token.text) if token.text.isdigit() else float(token.text)


def _balanced(parts: Sequence[Node], signs: Sequence[_Token]) -> Node:
    """`a || b || c || …` as a tree of little depth: whichever decides does so in any order."""
    if not signs:
        return parts[0]
    middle = len(signs) // 2
    left = _balanced(parts[: middle + 1], signs[:middle])
    right = _balanced(parts[middle + 1 :], signs[middle + 1 :])
    return Binary(signs[middle].text, left, right, signs[middle].at)


def _unquoted(token: _Token) -> str:
    text = token.text
    if text[0] == "r":
        return text[2:-1]

    def unescaped(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "uUxX" and len(body) > 1:
            number = int(body[1:], 16)
        elif len(body) > 1:
            number = int(body, 8)
        else:
            number = ord(_ESCAPES.get(body, "\ud800"))
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise ParseError(f"{match[0]!r} stands for no character", token.at + 1 + match.start())
        return chr(number)

    return _ESCAPED.sub(unescaped, text[1:-1])
