"""Fields of a document as the user wrote it: walking them, and what is wrong with them.

A walk never fails: what is absent, or inside something of the wrong type, has no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
FORBIDDEN = "FieldValueForbidden"
DUPLICATE = "FieldValueDuplicate"
TYPE_INVALID = "FieldValueTypeInvalid"
TOO_LONG = "FieldValueTooLong"

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what would be right."""

    path: str
    reason: str
    message: str

    def __str__(self) -> str:
        """Path and sentence."""
        return f"{self.path}: {self.message}"


class Invalid(Exception):  # noqa: N818 - the API's word for this answer
    """A document that cannot be accepted, with everything that is wrong with it."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        """Keep the errors in the order they were found."""
        self.errors = list(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


def child(path: str, key: str) -> str:
    """Path of `key` below `path`; a key that is no plain word stands in brackets."""
    if not _PLAIN.fullmatch(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


@dataclass(frozen=True, slots=True)
class Field:
    """One place in a document."""

    path: str
    value: Any

    def __getitem__(self, key: str) -> Field:
        """The field below; `a.b` goes two down."""
        here = self
        for part in key.split("."):
            inside = here.value.get(part) if isinstance(here.value, dict) else None
            here = Field(child(here.path, part), inside)
        return here

    def items(self) -> Iterator[Field]:
        """The items of a list."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield Field(f"{self.path}[{index}]", value)

    def entries(self) -> Iterator[tuple[str, Field]]:
        """The entries of a map."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield str(key), Field(child(self.path, str(key)), value)

    @property
    def present(self) -> bool:
        """Whether something stands here."""
        return self.value is not None

    @property
    def text(self) -> str:
        """The string here; empty when there is none."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> int | None:
        """The integer here."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def required(self, message: str) -> FieldError:
        """It must be given."""
        return FieldError(self.path, REQUIRED, message)

    def invalid(self, message: str) -> FieldError:
        """It has a value that cannot be."""
        return FieldError(self.path, INVALID, message)

    def unsupported(self, allowed: Iterable[str]) -> FieldError:
        """It has a value outside a list."""
        return FieldError(
            self.path, NOT_SUPPORTED, f"{self.value!r} is not supported; use {' or '.join(allowed)}"
        )

    def forbidden(self, message: str) -> FieldError:
        """It may not be given."""
        return FieldError(self.path, FORBIDDEN, message)
