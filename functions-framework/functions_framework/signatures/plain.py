"""HTTP functions: a `Request` in, anything that `response.answer` knows out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions_framework import signatures
from functions_framework.function import Function
from functions_framework.registry import Note


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of one request."""
    signatures.check_arity(name, written, ("the request",))
    return Function(
        name=name,
        call=written,
        signature="http",
        is_async=signatures.is_async(written),
        inline=note.inline,
        makes_generator=signatures.is_generator(written),
        concurrency=note.concurrency,
        path=note.path,
        methods=note.methods,
        written=written,
    )
