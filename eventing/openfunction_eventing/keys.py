"""A JSON object read key by key: each value with its type, each mistake with its key.

It knows no document; `documents` does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class DocumentError(ValueError):
    """A document that cannot be used; `key` is the path of the value at fault."""

    def __init__(self, key: str, problem: str) -> None:
        """Keep the path; an empty one is the document itself."""
        self.key = key
        self.problem = problem
        super().__init__(f"{key or 'the document'}: {problem}")


class Keys:
    """One object of a document, with the keys that it may have."""

    def __init__(self, document: object, allowed: Collection[str], *, path: str = "") -> None:
        """Look at an object.

        Raises:
            DocumentError: it is no object, or has a key that is not allowed.
        """
        if not isinstance(document, Mapping):
            raise DocumentError(path, "must be an object")
        self._document: Mapping[str, Any] = document  # a value of any JSON type until it is read
        self._path = path
        for key in document:
            if key not in allowed:
                near = difflib.get_close_matches(str(key), list(allowed), 1)
                hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(allowed))}"
                raise DocumentError(self.at(str(key)), f"there is no such key; {hint}")

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there and not be empty."""
        value = self._document.get(key)
        if value is None or value == "":
            if default is None:
                raise DocumentError(self.at(key), "is missing")
            return default
        if not isinstance(value, str):
            raise DocumentError(self.at(key), "must be a text")
        return value

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of some words."""
        value = self.text(key, default)
        if value not in allowed:
            raise DocumentError(self.at(key), f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        """A whole number, not below `least`."""
        value = self._document.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DocumentError(self.at(key), f"must be a whole number, {least} or more")
        return value

    def seconds(self, key: str, default: float) -> float:
        """A time span: a number of seconds, or a text like 1.5s or PT1.5S."""
        value = self._document.get(key)
        if value is None or value == "":
            return default
        found = seconds(value)
        if found is None:
            raise DocumentError(self.at(key), f"{value!r} is no time span; write seconds, 1m30s or PT1.5S")
        return found

    def maybe_seconds(self, key: str) -> float | None:
        """A time span, or None where there is none."""
        return self.seconds(key, 0.0) if self._document.get(key) not in (None, "") else None

    def listed(self, key: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        """Every item of a list, read with its path; absent is empty."""
        value = self._document.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise DocumentError(self.at(key), "must be a list")
        return tuple(read(item, f"{self.at(key)}[{number}]") for number, item in enumerate(value))

    def map(self, key: str) -> Mapping[str, Any]:
        """An object, whatever it holds; absent is empty."""
        value = self._document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise DocumentError(self.at(key), "must be an object")
        return value

    def part(self, key: str, read: Callable[[Any, str], T]) -> T:
        """An object read with its path; absent reads as an empty one."""
        return read(self.map(key), self.at(key))


def seconds(value: object) -> float | None:
    """Seconds of a number, a Go duration or an ISO 8601 one; None for anything else, negative ones too."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value >= 0 else None
    if not isinstance(value, str):
        return None
    iso = _ISO.fullmatch(value)
    if iso is not None and any(iso.groups()):
        days, hours, minutes, rest = (float(part or 0) for part in iso.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    parts = _PART.findall(value)
    if value != "0" and (not parts or "".join(number + unit for number, unit in parts) != value):
        return None
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
