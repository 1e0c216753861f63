"""The fields of a request's head as HTTP/1.1 brings them: how large they may be, and what they ask of the connection.

The rules are head.py's; what is refused, http1.py answers.
"""

from __future__ import annotations

import httptools

from functions_framework.connections import head
from functions_framework.settings import Limits

_NOTED = frozenset({b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"})
_REMEMBERED = 512  # clients spell a name the same way each time; a stranger's many must not fill the memory
_NAMES: dict[bytes, bytes] = {}  # by how it is spelt: the name of a field that is noted, else nothing


class Heading:
    """What a connection does with a head; nothing is looked at before the head, or what a read brought of it, is in."""

    __slots__ = (
        "_came", "_continue", "_fed", "_fields", "_got_headers", "_has_host", "_limits", "_looked", "_parser",
        "_target", "_wants",
    )  # fmt: skip
    _limits: Limits
    _parser: httptools.HttpRequestParser
    _target: bytes
    _fields: list[tuple[bytes, bytes]]
    _looked: int  # so many of them have been looked at
    _came: int  # bytes of the read under way
    _fed: int  # and of those before, since the request began
    _got_headers: bool
    _has_host: bool
    _continue: bool
    _wants: bool

    def _refuse(self, status: int) -> None:
        raise NotImplementedError

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field, or a trailer's, which `on_message_complete` takes away."""
        self._fields.append((name, value))

    def _look_at_fields(self) -> None:
        """Refuse what the fields that have come do not allow, and note what they ask for."""
        fields, first = self._fields, self._looked
        self._looked = len(fields)
        # What came in few bytes is not too large.
        if self._fed + self._came > self._limits.max_head and self._is_head_too_large():
            self._refuse(self._what_is_too_large())
            return
        for name, value in fields if not first else fields[first:]:
            noted = _NAMES.get(name)
            if noted is None:
                noted = _learned(name)
            if noted:
                self._note(noted, value)

    def _is_head_too_large(self) -> bool:
        size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in self._fields)
        return size > self._limits.max_head

    def _what_is_too_large(self) -> int:
        return 414 if len(self._target) > self._limits.max_head else 431  # RFC 9110 §15.5.15

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            if self._has_host or not head.is_host(value):
                self._refuse(400)
            self._has_host = True
        elif name == b"expect":
            self._continue = value.strip().lower() == b"100-continue"
            if not self._continue and self._parser.get_http_version() != "1.0":
                self._refuse(417)
        elif name == b"upgrade":
            self._wants = True
        elif name == b"transfer-encoding":
            if (status := head.coding_refusal(value)) or self._parser.get_http_version() == "1.0":
                self._refuse(status or 400)
        elif value.isdigit() and int(value) > self._limits.max_body:
            self._refuse(413)

    def _drop_trailers(self) -> None:
        """They must not be taken for header fields (RFC 9110 §6.5.1)."""
        if self._is_head_too_large():
            self._refuse(431)
        del self._fields[self._looked :]


def _learned(name: bytes) -> bytes:
    lowered = name.lower()
    noted = lowered if lowered in _NOTED else b""
    if len(_NAMES) < _REMEMBERED:
        _NAMES[name] = noted
    return noted
