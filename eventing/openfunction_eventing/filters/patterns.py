"""Patterns of `matches()`, in RE2, whose language CEL's are written in: a stranger's text holds nobody up.

Python's own matcher tries again and again; this one's time grows with the text and never by leaps.
"""

from __future__ import annotations

from typing import Any, Final

# Bytes that a pattern may take; one that would need more is refused.
LARGEST: Final = 1 << 20


class PatternError(ValueError):
    """A pattern that cannot be used."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        """Read it; raises PatternError."""
        import re2  # noqa: PLC0415  # few filters have a pattern, and every program has filters

        options: Any = re2.Options()
        options.log_errors, options.max_mem = False, LARGEST
        try:
            self._pattern: Any = re2.compile(text.encode(), options)  # Any: the library has no types
        except re2.error as error:
            (said,) = error.args
            raise PatternError(f"the pattern is wrong: {said.decode(errors='replace')}") from error

    def is_in(self, text: str) -> bool:
        """Whether a piece of the text matches."""
        return self._pattern.search(text.encode(errors="replace")) is not None
