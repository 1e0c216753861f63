"""Texts in quotes as Go writes them, which is what Dapr's drivers take the quotes off."""

from __future__ import annotations

import re
from typing import Final

_SIMPLE: Final = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip
_ESCAPE: Final = rb"\\(?:[abfnrtv\\%b]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"
_PLAIN: Final = rb"[^%b\\\n]*+"
_AN_ESCAPE: Final = re.compile(
    rb"\\(?:(?P<simple>[abfnrtv\\\"'])|x(?P<byte>..)|u(?P<short>.{4})|U(?P<long>.{8})|(?P<octal>...))"
)
_RAW: Final = re.compile(rb"`([^`]*+)`")


def _kind(quote: bytes) -> re.Pattern[bytes]:
    plain, escape = _PLAIN % quote, _ESCAPE % quote
    return re.compile(rb"%b(%b(?:%b%b)*+)%b" % (quote, plain, escape, plain, quote))


_KINDS: Final = {quote: _kind(quote) for quote in (b'"', b"'")}


def unquoted(text: bytes) -> bytes | None:
    """What the quotes hold; None for what is not one text in quotes.

    Double quotes hold text with escapes, single ones one character, backticks text as it is.
    """
    if (raw := _RAW.fullmatch(text)) is not None:
        return raw[1].replace(b"\r", b"")
    kind = _KINDS.get(text[:1])
    found = kind.fullmatch(text) if kind is not None else None
    if found is None:
        return None
    if text[:1] == b"'" and len(_AN_ESCAPE.sub(b".", found[1]).decode(errors="surrogateescape")) != 1:
        return None
    try:
        return b"".join(_parts(found[1]))
    except (ValueError, OverflowError):  # a number that is no character
        return None


def _parts(text: bytes) -> list[bytes]:
    parts, at = list[bytes](), 0
    for escape in _AN_ESCAPE.finditer(text):
        parts += (_valid(text[at : escape.start()]), _meant(escape))
        at = escape.end()
    return [*parts, _valid(text[at:])]


def _meant(escape: re.Match[bytes]) -> bytes:
    what, digits = escape.lastgroup, escape[escape.lastgroup or 0]
    if what == "simple":
        return _SIMPLE.get(digits, digits)
    if what in ("byte", "octal"):
        return bytes((int(digits, 8 if what == "octal" else 16),))
    return chr(int(digits, 16)).encode()


def _valid(text: bytes) -> bytes:
    """UTF-8, with the mark of Unicode in the place of each byte that is none."""
    try:
        text.decode()
    except UnicodeDecodeError:
        told = text.decode(errors="surrogateescape")
        return re.sub("[\udc80-\udcff]", "\ufffd", told).encode()
    return text
