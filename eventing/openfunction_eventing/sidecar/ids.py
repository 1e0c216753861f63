"""Random UUIDs (RFC 4122, version 4), from randomness that is fetched for many at once; a fork starts anew."""

from __future__ import annotations

import os

_BYTES, _MANY = 16, 256
_VARIANTS = "89ab"
_left: list[str] = []
os.register_at_fork(after_in_child=_left.clear)


def new() -> str:
    """One that nobody else has."""
    if not _left:
        pool = os.urandom(_BYTES * _MANY).hex()
        _left.extend(pool[at : at + 2 * _BYTES] for at in range(0, len(pool), 2 * _BYTES))
    one = _left.pop()
    variant = _VARIANTS[int(one[16], 16) & 3]
    return f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{variant}{one[17:20]}-{one[20:]}"
