"""Whether a child must be applied again.

Pure: it compares and writes nothing. An apply too many is harmless, one too few is not.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta


def outdated(present: meta.Object | None, wanted: meta.Object) -> bool:
    """Whether the child is missing, its spec differs at all, or its metadata lacks something wanted."""
    if present is None:
        return True
    have, want = present.to_wire(), wanted.to_wire()
    return have.get("spec") != want.get("spec") or not covers(have["metadata"], want["metadata"])


def covers(present: Any, wanted: Any) -> bool:
    """Whether everything wanted is present; what others added does not matter."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(
            covers(present.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(covers(have, want) for have, want in zip(present, wanted, strict=True))
        )
    return bool(present == wanted)
