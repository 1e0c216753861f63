"""How many messages a subscription has in flight where nobody said: more while they are handled quickly.

What is in flight is a fraction of a second's work at most: a slow function keeps few from the others of its group,
and a quick one is given many at once, which costs the broker and us less for each.
"""

from __future__ import annotations

from typing import Final

_QUICK: Final = 0.1  # seconds in which all that may be in flight was handled, so that twice as much may be
_SLOW: Final = 0.4


class Window:
    """Of one subscription; between `least` and `most`, seconds on any clock that only goes forward."""

    def __init__(self, least: int, most: int, now: float) -> None:
        self.size = least
        self._least = least
        self.most = most
        self._since = now
        self._handled = 0

    def handled(self) -> bool:
        """One more was; True when it is time to look."""
        self._handled += 1
        return self._handled >= self.size

    def look(self, now: float) -> None:
        """Have the size that fits how long the last ones took."""
        took, self._since, self._handled = now - self._since, now, 0
        if took <= _QUICK:
            self.size = min(self.size * 2, self.most)
        elif took > _SLOW:
            self.size = max(self.size // 2, self._least)

    def late(self, now: float) -> None:
        """Look although fewer were handled than may be in flight: who has become slow has fewer from now on."""
        if now - self._since > _SLOW:
            self.look(now)
