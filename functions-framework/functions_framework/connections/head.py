"""Rules of a request's head that the parser leaves to its user: Host, transfer codings, forms of the target.

Pure; each rule names its paragraph, and what breaks it gives the status to refuse with.
"""

from __future__ import annotations

import re
from functools import lru_cache

from functions_framework import response
from functions_framework.response import Answer

# RFC 3986 §3.2.2 host and port, without user: a name, an IPv4 address or a bracketed IPv6 address.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z.~_-]+)?\]|[0-9A-Za-z._~!$&'()*+;=%-]*)(?::[0-9]*)?")
_ABSOLUTE = rb"(?i:https?)://([^/?#]*)([^#]*)"  # compiled when a proxy sends one
REASONS = {
    400: "This is no valid HTTP request.",
    408: "The request did not arrive in time.",
    413: "The request's body is larger than this function accepts.",
    414: "The request's target is longer than this function accepts.",
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
    found = re.fullmatch(_ABSOLUTE, target)
    if found is None or not found[1] or not is_host(found[1]):
        return 400, target
    fields[:] = [(name, value) for name, value in fields if name.lower() != b"host"]
    fields.append((b"host", found[1]))
    return 0, found[2] if found[2].startswith(b"/") else b"/" + found[2]


def has_body(fields: list[tuple[bytes, bytes]]) -> bool:
    """RFC 9112 §6: a length or a coding announces a body."""
    return any(
        (lowered := name.lower()) == b"transfer-encoding"
        or (lowered == b"content-length" and value.strip(b"0"))
        for name, value in fields
    )


def without_upgrade(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    """A head of HTTP/1.1 that asks for no other protocol, and for no second word to continue."""
    kept = [
        name + b": " + (_options(value) if name.lower() == b"connection" else value)
        for name, value in fields
        if name.lower() not in {b"upgrade", b"expect", b"http2-settings"}
    ]
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", *kept, b"", b""])


def _options(value: bytes) -> bytes:
    options = (option.strip() for option in value.split(b","))
    return b", ".join(option for option in options if option.lower() not in {b"upgrade", b"http2-settings"})


def refusal(status: int, common: bytes) -> bytes:
    """The whole answer to what is refused with this status."""
    _, lines, body = response.plain(status, REASONS[status])
    return b"%b%bcontent-length: %d\r\n%bconnection: close\r\n\r\n%b" % (
        response.STATUS_LINES[status], lines, len(body), common, body,
    )  # fmt: skip
