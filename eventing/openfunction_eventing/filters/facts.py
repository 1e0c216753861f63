"""What of an event a filter looks at: its attributes, and its data once something asks for it.

It copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_UNREAD = object()
_UNREADABLE = object()


class Facts:
    """One event under filters; `decode` gives the data as JSON values and is called at most once."""

    __slots__ = ("_data", "_decode", "attributes")

    def __init__(self, attributes: Mapping[str, object], decode: Callable[[], object]) -> None:
        """Keep the attributes; the data stays where it is."""
        self.attributes = attributes
        self._decode = decode
        self._data: object = _UNREAD

    @property
    def data(self) -> object:
        """The data: null, text, number, list or map.

        Raises:
            LookupError: it cannot be decoded (`decode` gave a ValueError).
        """
        if self._data is _UNREAD:
            self._data = self._read()
        if self._data is _UNREADABLE:
            raise LookupError("the data cannot be decoded")
        return self._data

    def _read(self) -> object:
        try:
            return self._decode()
        except ValueError:
            return _UNREADABLE


def text_of(value: object) -> str:
    """An attribute as the attribute dialects compare it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
