"""The log of a build, on standard output: whole lines at once, and a bound on what a program may write into it.

It keeps nothing; the last lines of a program are kept by who reads them.
"""

from __future__ import annotations

import sys

MOST = 8 * 1024 * 1024


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Bounded:
    """The output of one program; beyond a few megabytes the rest is left out, and the log says so once."""

    def __init__(self, most: int = MOST) -> None:
        """Let `most` characters through."""
        self._left = most

    def say(self, line: str) -> None:
        """Write a line while there is room; a line that may carry a reason is always written."""
        before, self._left = self._left, self._left - len(line) - 1
        if before >= 0 or line.startswith("ERROR "):
            say(line)
            if before >= 0 > self._left:
                say("... the rest of this program's output is left out of the log")
