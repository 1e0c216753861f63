"""The context that the platform gives a function, and what it adds to a program: Dapr's routes, hooks, readiness.

Loaded only where FUNC_CONTEXT is set or a function takes a context.
"""

from __future__ import annotations

from functions_framework.context.joining import program, shared

__all__ = ["program", "shared"]
