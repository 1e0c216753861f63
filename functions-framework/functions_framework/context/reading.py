"""Reads values out of a JSON document and names the key of what it cannot read.

It knows no key of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, KeysView, Mapping
from typing import Any

from functions_framework import exits, jsons


class InvalidContext(exits.StartError):
    """A context that cannot be read; `key` is the path of what is wrong, from the variable's name on."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__("InvalidContext", f"the context's {key} {problem}")
        self.key = key


class Node:
    """An object of the document and the path to it."""

    __slots__ = ("_path", "_values")

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:  # Any: JSON
        self._path = path
        self._values = values

    def keys(self) -> KeysView[str]:
        """The keys whose value is not null."""
        return {key: value for key, value in self._values.items() if value is not None}.keys()

    def text(self, key: str) -> str:
        """A text; empty when absent. A number is read as its digits, as YAML writers leave quotes out."""
        value = self._values.get(key)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._wrong(key, value, "a text")
        return str(value)

    def required(self, key: str) -> str:
        """A text that may not be empty."""
        found = self.text(key)
        if not found:
            raise InvalidContext(f"{self._path}.{key}", "is missing; it names the component")
        return found

    def name(self, key: str) -> str:
        """A text that nothing else is read as, so that a name is what its writer meant; empty when absent."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return value or ""

    def one_of(self, key: str, known: Collection[str]) -> str:
        """One of a few words, however it is capitalised; empty when absent."""
        found = self.name(key)
        word = found.lower()
        if word and word not in {one.lower() for one in known}:
            raise self._wrong(key, found, " or ".join(known))
        return word

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(key, value, "a list of texts")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """A boolean; False when absent."""
        value = self._values.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def port(self, key: str, default: int) -> int:
        """A port number, as number or digits; the default when absent, empty or 0."""
        found = self.text(key)
        if found in {"", "0"}:
            return default
        if not found.isdecimal() or not 0 < int(found) < 65536:
            raise self._wrong(key, found, "a port from 1 to 65535")
        return int(found)

    def map(self, key: str) -> dict[str, str]:
        """A map of texts; empty when absent."""
        inner = self.node(key)
        return {name: inner.scalar(name) for name in inner.keys()}  # noqa: SIM118  # a Node is no mapping

    def scalar(self, key: str) -> str:
        """A text, number or boolean as Dapr's metadata spells it."""
        value = self._values.get(key)
        return str(value).lower() if isinstance(value, bool) else self.text(key)

    def node(self, key: str) -> Node:
        """An object; an empty one when absent."""
        value = self._values.get(key)
        return Node(f"{self._path}.{key}", self._object(key, {} if value is None else value))

    def nodes(self, key: str) -> list[Node]:
        """A list of objects; empty when absent."""
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return [
            Node(f"{self._path}.{key}[{index}]", self._object(f"{key}[{index}]", one))
            for index, one in enumerate(value)
        ]

    def items(self) -> Iterator[tuple[str, Node]]:
        """Every key with the object below it."""
        return ((key, self.node(key)) for key in self._values)

    def _object(self, key: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return value

    def _wrong(self, key: str, value: object, wanted: str) -> InvalidContext:
        shown = jsons.dumps(value).decode()
        return InvalidContext(f"{self._path}.{key}", f"is {shown[:80]}; {wanted} is expected")


def root(text: str, variable: str) -> Node:
    """The document of a variable's text; raises InvalidContext when it is no JSON object."""
    try:
        document = jsons.loads(text)
    except jsons.DecodeError as error:
        raise InvalidContext(variable, f"is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidContext(variable, f"is {text[:80]}; a JSON object is expected")
    return Node(variable, document)
