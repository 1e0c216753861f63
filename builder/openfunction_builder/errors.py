"""What can go wrong in a build, with the stable reason a user sees.

It formats nothing for a terminal.
"""

from __future__ import annotations


class BuilderError(Exception):
    """Root of everything this distribution raises."""


class InvalidRequest(BuilderError):
    """A build request cannot be read; the text names the field."""


class ImageError(BuilderError):
    """An image or a layout is not what was asked for; the text says what to do."""


class BuildFailure(BuilderError):
    """A build that cannot give an image; `reason` is a key of exits.EXIT_CODES and the text is for the user."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason = reason
