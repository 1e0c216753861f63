"""Whether the user's code wants requests: what `set_ready` said last.

It is asked by the server for /readyz; it decides nothing else.
"""

from __future__ import annotations

_WHY_NOT = {"why": ""}  # one per process, because user code in any module says it


def set_ready(ready: bool = True, reason: str = "") -> None:  # noqa: FBT001, FBT002  # reads as a sentence
    """Say from any thread whether this instance wants requests, for instance while a model loads.

    Args:
        ready: False takes the instance out of the service until it is True again.
        reason: what /readyz says meanwhile.
    """
    _WHY_NOT["why"] = "" if ready else reason or "the function says that it is not ready"


def why_not() -> str:
    """The reason, or an empty text when ready."""
    return _WHY_NOT["why"]
