"""The root of what this distribution raises."""

from __future__ import annotations


class EventingError(Exception):
    """Something about events failed; its text says what and what to do."""
