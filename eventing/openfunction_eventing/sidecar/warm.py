"""A sidecar whose imports are done before it is known whose it will be: the platform forks it from there.

Importing begins no thread, no event loop and not gRPC's core; all of that is the fork's own.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

from openfunction_eventing import drivers
from openfunction_eventing.sidecar.program import main

# Libraries that a loop or a driver would import at its first use; what is not installed is not needed either.
_LATER: Final = ("uvloop", "zoneinfo")


def prepare() -> None:
    """Import what a sidecar may come to need."""
    for name in _LATER:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    for module in sorted(set(drivers.TYPES.values())):
        try:
            importlib.import_module(f"{drivers.__name__}.{module}")
        except ModuleNotFoundError:
            continue  # of an extra that is not installed; who opens such a component is told


__all__ = ["main", "prepare"]
