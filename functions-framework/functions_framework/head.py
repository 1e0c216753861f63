"""Rules of a request's head that the parser leaves to its user: Host, transfer codings, forms of the target.

Pure; each rule names its paragraph, and what breaks it gives the status to refuse with.
"""

from __future__ import annotations

import re
from functools import lru_cache

from functions_framework.response import Answer

# RFC 3986 §3.2.2 host and port, without user: a name, an IPv4 address or a bracketed IPv6 address.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z.~_-]+)?\]|[0-9A-Za-z._~!$&'()*+;=%-]*)(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
REASONS = {
    400: "This is no valid HTTP request.",
    408: "The request did not arrive in time.",
    413: "The request's body is larger than this function accepts.",
    417: "Of expectations only 100-continue is met.",
    431: "The request's header fields are larger than this function accepts.",
    501: "This server is no proxy, and of transfer codings it knows only chunked.",
    505: "Use HTTP/1.1 or HTTP/1.0.",
}
SERVER_OPTIONS: Answer = (204, b"allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n", b"")


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """RFC 9112 §3.2: a Host field that names no authority is refused."""
    return _HOST.fullmatch(value.strip()) is not None


def coding_refusal(value: bytes) -> int:
    """RFC 9112 §6.1: 400 where the last coding is not chunked, 501 for a coding besides it, else 0."""
    codings = [coding.strip().lower() for coding in value.split(b",")]
    if codings[-1] != b"chunked":
        return 400
    return 0 if len(codings) == 1 else 501


def path_form(method: str, target: bytes, fields: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """The path of a target that is none; the authority of the absolute form takes the place of Host.

    Returns:
        0 and the path (RFC 9112 §3.2.2), 204 for `OPTIONS *` (§3.2.4), or the status to refuse with.
    """
    if method == "CONNECT":
        return 501, target
    if target == b"*":
        return 204 if method == "OPTIONS" else 400, target
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not found[1] or not is_host(found[1]):
        return 400, target
    fields[:] = [(name, value) for name, value in fields if name.lower() != b"host"]
    fields.append((b"host", found[1]))
    return 0, found[2] if found[2].startswith(b"/") else b"/" + found[2]
