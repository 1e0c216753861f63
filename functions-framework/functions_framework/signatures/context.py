"""OpenFunction functions: `f(context)` or `f(context, data)`, whatever triggered them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions_framework import context
from functions_framework.context import serving
from functions_framework.function import Function
from functions_framework.registry import Note


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of a context, with the process's own runtime; raises StartError ArityMismatch or InvalidContext."""
    return serving.function(name, written, note, runtime=context.shared())
