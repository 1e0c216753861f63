"""`FunctionOut` where OpenFunction's published Python framework has it."""

from __future__ import annotations

from functions_framework.context.out import FunctionOut

__all__ = ["FunctionOut"]
