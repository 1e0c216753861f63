"""Random UUIDs (RFC 4122, version 4), from randomness that is fetched for many at once; a fork starts anew."""

from __future__ import annotations

import os

_BYTES, _MANY = 16, 256
# The variant has two bits of its digit, the rest is random.
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_left: list[str] = []
os.register_at_fork(after_in_child=_left.clear)


def new() -> str:
    """One that nobody else has."""
    if not _left:
        pool = os.urandom(_BYTES * _MANY).hex()
        _left.extend(_written(pool[at : at + 2 * _BYTES]) for at in range(0, len(pool), 2 * _BYTES))
    return _left.pop()


def _written(one: str) -> str:
    return f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{_VARIANTS[one[16]]}{one[17:20]}-{one[20:]}"
