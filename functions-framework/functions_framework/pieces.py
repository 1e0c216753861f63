"""Bytes of a connection that do not make a whole frame yet.

Most of what is read in one go is whole frames: those are cut out of the bytes as they came, without another copy.
"""

from __future__ import annotations


class Pieces:
    """Of one connection."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def and_then(self, data: bytes) -> bytes | bytearray:
        """What was kept and this after it; `keep` takes it back."""
        if not self._held:
            return data
        self._held += data
        return self._held

    def keep(self, held: bytes | bytearray, at: int) -> None:
        """Keep what `and_then` gave from a position on."""
        if held is self._held:
            del self._held[:at]
        elif at < len(held):
            self._held = bytearray(held[at:])
