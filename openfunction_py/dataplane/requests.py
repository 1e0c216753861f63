"""One HTTP request's head as the gateway forwards it: routing facts, framing, and the lines that pass.

Refuses heads that a careful server must not guess about; reads no body.
"""

from typing import NamedTuple

import httptools

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"})
NOTED = HOP_BY_HOP | FORWARDED | {b"host", b"content-length", b"expect"}
PLAIN_CONNECTION = frozenset({b"", b"close", b"keep-alive", b"Keep-Alive", b"upgrade", b"Upgrade"})


class BadHeadError(Exception):
    """A head that is refused; carries the status and the sentence of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Head(NamedTuple):
    """A request's head as parsed."""

    method: bytes
    target: bytes
    headers: Headers
    version: str
    keep_alive: bool
    upgrade: bool


class Request(NamedTuple):
    """A request to forward: `lines` are the header lines that pass, `noted` the values of the others."""

    method: bytes
    host: bytes
    path: bytes
    query: bytes
    version: str
    keep_alive: bool
    lines: list[bytes]
    noted: dict[bytes, bytes]
    upgrade: bytes

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return b"transfer-encoding" in self.noted

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        return self.chunked or self.noted.get(b"content-length", b"0") != b"0"

    @property
    def expects(self) -> bool:
        """Whether the client waits for 100 Continue."""
        return self.version == "1.1" and self.noted.get(b"expect", b"").lower() == b"100-continue"


def read(head: Head) -> Request:
    """Return the request of a head.

    Raises:
        BadHeadError: for a missing or repeated Host, a target that is no URL, or CONNECT.
    """
    if head.method == b"CONNECT":
        raise BadHeadError(405, "This gateway serves functions and opens no tunnels: CONNECT is not allowed.")
    lines, noted = sort(head.headers)
    connection = noted.get(b"connection", b"")
    if connection not in PLAIN_CONNECTION:
        options = tokens(connection)
        lines = [line for line in lines if line.partition(b":")[0].lower() not in options]
    host, path, query = locate(head, noted)
    return Request(
        method=head.method,
        host=host,
        path=path,
        query=query,
        version=head.version,
        keep_alive=head.keep_alive,
        lines=lines,
        noted=noted,
        upgrade=noted.get(b"upgrade", b"") if head.upgrade else b"",
    )


def sort(headers: Headers) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Split headers into lines that pass and values that the gateway handles itself."""
    lines: list[bytes] = []
    noted: dict[bytes, bytes] = {}
    for name, value in headers:
        low = name.lower()
        if low not in NOTED:
            lines.append(b"%b: %b" % (name, value))
        elif low not in noted:
            noted[low] = value
        elif low in {b"host", b"content-length"}:
            raise BadHeadError(400, f"The header {name.decode('latin-1')} may be sent only once.")
        else:
            noted[low] = b"%b, %b" % (noted[low], value)
    return lines, noted


def tokens(value: bytes) -> frozenset[bytes]:
    """Return the lower-case words of a comma-separated header value."""
    return frozenset(part.strip().lower() for part in value.split(b","))


def locate(head: Head, noted: dict[bytes, bytes]) -> tuple[bytes, bytes, bytes]:
    """Return (host, path, query) from the target and the Host header."""
    host = noted.get(b"host")
    target = head.target
    if not target.startswith(b"/") and target != b"*":
        host, target = absolute(target)
    if host is None and head.version == "1.1":
        raise BadHeadError(400, "An HTTP/1.1 request needs a Host header.")
    path, mark, query = target.partition(b"?")
    return host or b"", path, mark + query


def absolute(target: bytes) -> tuple[bytes, bytes]:
    """Return (host with port, origin form) of a target in the absolute form."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise BadHeadError(400, "The request target is not a URL.") from error
    if not url.host:
        raise BadHeadError(400, "The request target names no host.")
    port = b":%d" % url.port if url.port else b""
    query = b"?" + url.query if url.query else b""
    return url.host + port, (url.path or b"/") + query


def name_of(host: bytes) -> str:
    """Return a Host value without its port, in lower case."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].rstrip(".")


def encode(request: Request, *, peer: bytes, prefix: str = "") -> bytes:
    """Return the head to send to an instance: its own framing, the forwarded headers, no hop-by-hop ones."""
    noted, path = request.noted, request.path
    if prefix:
        path = path[len(prefix) :] or b"/"
    lines = [b"%b %b%b HTTP/1.1\r\nhost: %b" % (request.method, path, request.query, request.host)]
    lines += request.lines
    before = noted.get(b"x-forwarded-for")
    lines.append(b"x-forwarded-for: %b" % (b"%b, %b" % (before, peer) if before else peer))
    lines.append(b"x-forwarded-proto: %b" % noted.get(b"x-forwarded-proto", b"http"))
    lines.append(b"x-forwarded-host: %b" % noted.get(b"x-forwarded-host", request.host))
    outer = noted.get(b"x-forwarded-prefix", b"")
    if prefix or outer:
        lines.append(b"x-forwarded-prefix: %b%b" % (outer, prefix.encode()))
    if request.chunked:
        lines.append(b"transfer-encoding: chunked")
    elif b"content-length" in noted:
        lines.append(b"content-length: %b" % noted[b"content-length"])
    if request.upgrade:
        lines.append(b"connection: upgrade\r\nupgrade: %b" % request.upgrade)
    return b"\r\n".join(lines) + b"\r\n\r\n"
