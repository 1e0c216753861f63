"""`@functions_framework.openfunction`, and the package of this name in OpenFunction's published Python framework.

A module cannot be both by itself, so this one can be called. It holds nothing else.
"""

from __future__ import annotations

import sys
from types import ModuleType

from functions_framework import registry


class _Decorator(ModuleType):
    __call__ = staticmethod(registry.openfunction)


sys.modules[__name__].__class__ = _Decorator
