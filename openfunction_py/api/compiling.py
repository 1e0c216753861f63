"""Conditions and filters compiled at admission: the seam to the pure modules that dispatchers run.

It keeps nothing of what it compiles: only whether it can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openfunction_eventing import conditions as conditions_
from openfunction_eventing.filters import dialects, syntax
from openfunction_py.api.fields import Field, FieldError


def is_input(name: str) -> bool:
    """Whether a condition can name an input so."""
    return conditions_.is_name(name)


def condition(field: Field, inputs: Sequence[str]) -> Iterator[FieldError]:
    """What is wrong with a condition over inputs, with the position in its text."""
    if not isinstance(field.value, str):
        return
    try:
        conditions_.compile(field.text, inputs)
    except syntax.ParseError as error:
        yield field.invalid(str(error))


def filters(field: Field) -> Iterator[FieldError]:
    """What is wrong with a list of filters, each mistake at its path."""
    for fault in dialects.faults(field.value):
        yield Field(f"{field.path}{fault.path}", None).invalid(fault.message)
