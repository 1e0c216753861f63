"""Random UUIDs (RFC 4122, version 4), from randomness that is fetched for many at once; a fork starts anew."""

from __future__ import annotations

import os
from uuid import UUID

_BYTES, _MANY = 16, 256
_left: list[bytes] = []
os.register_at_fork(after_in_child=_left.clear)


def new() -> str:
    """One that nobody else has."""
    if not _left:
        pool = os.urandom(_BYTES * _MANY)
        _left.extend(pool[at : at + _BYTES] for at in range(0, len(pool), _BYTES))
    return str(UUID(bytes=_left.pop(), version=4))
