"""The rows: what is sent, which statuses come back, and what becomes of the connection."""

from __future__ import annotations

from dataclasses import dataclass

HOST = b"host: x\r\n"
OPEN, CLOSED = True, False


@dataclass(frozen=True)
class Row:
    """One exchange of bytes.

    Attributes:
        name: what it shows.
        sent: the bytes of the client.
        statuses: of the answers, in order.
        open: whether the connection takes another request afterwards.
        bodies: of the final answers, where they matter.
        silent: which of the answers have no body whatever their fields say (to HEAD).
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    open: bool
    bodies: tuple[bytes, ...] = ()
    silent: tuple[int, ...] = ()

    @property
    def cut(self) -> bool:
        """The client ends its side after it."""
        return self.name.startswith("a request cut")


def _get(fields: bytes = b"", target: bytes = b"/") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n"


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def _chunked(body: bytes) -> bytes:
    return _post(b"transfer-encoding: chunked\r\n", body)


REQUEST_LINES = (
    Row("a plain request", _get(), (200,), OPEN, (b"GET / ",)),
    Row("an empty line before the request", b"\r\n\r\n" + _get(), (200,), OPEN),
    Row("OPTIONS of a path is the function's", b"OPTIONS /a HTTP/1.1\r\nhost: x\r\n\r\n", (200,), OPEN,
        (b"OPTIONS /a ",)),
    Row("OPTIONS of the server", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", (204,), OPEN),
    Row("a star for another method", b"GET * HTTP/1.1\r\nhost: x\r\n\r\n", (400,), CLOSED),
    Row("the absolute form", _get(target=b"http://y/a?b"), (200,), OPEN, (b"GET /a?b ",)),
    Row("the absolute form without a path", _get(target=b"http://y"), (200,), OPEN, (b"GET / ",)),
    Row("the absolute form with a bad authority", _get(target=b"http://a@b/"), (400,), CLOSED),
    Row("the absolute form without authority", _get(target=b"http:///a"), (400,), CLOSED),
    Row("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", (501,), CLOSED),
    Row("a target that is no path", _get(target=b"a"), (400,), CLOSED),
    Row("a target with a byte above ASCII", _get(target=b"/\xff"), (400,), CLOSED),
    Row("a target with a control character", _get(target=b"/a\x01"), (400,), CLOSED),
    Row("a space in the target", _get(target=b"/a b"), (400,), CLOSED),
    Row("an unknown method", b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n", (400,), CLOSED),
    Row("a method in lower case", b"get / HTTP/1.1\r\nhost: x\r\n\r\n", (400,), CLOSED),
    Row("no version", b"GET /\r\n\r\n", (505,), CLOSED),
    Row("version 0.9", b"GET / HTTP/0.9\r\n\r\n", (505,), CLOSED),
    Row("version 1.2", b"GET / HTTP/1.2\r\nhost: x\r\n\r\n", (400,), CLOSED),
    Row("version 2.0", b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", (505,), CLOSED),
    Row("a bare LF after the request line", b"GET / HTTP/1.1\nhost: x\r\n\r\n", (400,), CLOSED),
    Row("bytes that are no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01", (400,), CLOSED),
)  # fmt: skip

FIELDS = (
    Row("a field folded over two lines", _get(b"a: b\r\n c\r\n"), (400,), CLOSED),
    Row("a bare CR in a value", _get(b"a: b\rc\r\n"), (400,), CLOSED),
    Row("a bare LF after a field", _get(b"a: b\n"), (400,), CLOSED),
    Row("a space before the colon", _get(b"a : b\r\n"), (400,), CLOSED),
    Row("a field without a name", _get(b": b\r\n"), (400,), CLOSED),
    Row("a field without a colon", _get(b"ab\r\n"), (400,), CLOSED),
    Row("NUL in a name", _get(b"a\0b: c\r\n"), (400,), CLOSED),
    Row("NUL in a value", _get(b"a: b\0c\r\n"), (400,), CLOSED),
    Row("a space before the first field", b"GET / HTTP/1.1\r\n host: x\r\n\r\n", (400,), CLOSED),
    Row("bytes above ASCII in a value", _get(b"a: \xe4\xff\r\n"), (200,), OPEN),
    Row("an empty value", _get(b"a:\r\n"), (200,), OPEN),
    Row("spaces and tabs around a value", _get(b"a: \t b \t \r\n"), (200,), OPEN),
    Row("more fields than the limit", _get(b"a: b\r\n" * 300), (431,), CLOSED),
    Row("fields larger than the limit", _get(b"a: " + b"b" * 70_000 + b"\r\n"), (431,), CLOSED),
    Row("a target larger than the limit", _get(target=b"/" + b"a" * 70_000), (414,), CLOSED),
)

HOSTS = (
    Row("no host", b"GET / HTTP/1.1\r\n\r\n", (400,), CLOSED),
    Row("no host of an old client", b"GET / HTTP/1.0\r\n\r\n", (200,), CLOSED),
    Row("two hosts", _get(HOST), (400,), CLOSED),
    Row("an empty host", b"GET / HTTP/1.1\r\nhost:\r\n\r\n", (200,), OPEN),
    Row("a host with a port", b"GET / HTTP/1.1\r\nhost: a.b-c:80\r\n\r\n", (200,), OPEN),
    Row("an IPv6 host", b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", (200,), OPEN),
    Row("a host with a user", b"GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", (400,), CLOSED),
    Row("a host with a path", b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", (400,), CLOSED),
    Row("two hosts in one field", b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", (400,), CLOSED),
    Row("a host with a space", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", (400,), CLOSED),
    Row("a host whose port is no number", b"GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", (400,), CLOSED),
)

LENGTHS = (
    Row("a body by length", _post(b"content-length: 3\r\n", b"abc"), (200,), OPEN, (b"POST / abc",)),
    Row("a body of no bytes", _post(b"content-length: 0\r\n"), (200,), OPEN, (b"POST / ",)),
    Row("no length and no coding is no body", _post(b""), (200,), OPEN, (b"POST / ",)),
    Row("a body of GET", _get(b"content-length: 3\r\n") + b"abc", (200,), OPEN, (b"GET / abc",)),
    Row("two equal lengths", _post(b"content-length: 3\r\ncontent-length: 3\r\n", b"abc"), (400,), CLOSED),
    Row("two different lengths", _post(b"content-length: 3\r\ncontent-length: 4\r\n", b"abc"), (400,), CLOSED),
    Row("a list of lengths", _post(b"content-length: 3, 3\r\n", b"abc"), (400,), CLOSED),
    Row("a length with a sign", _post(b"content-length: +3\r\n", b"abc"), (400,), CLOSED),
    Row("a negative length", _post(b"content-length: -3\r\n", b"abc"), (400,), CLOSED),
    Row("a length in hexadecimal", _post(b"content-length: 0x3\r\n", b"abc"), (400,), CLOSED),
    Row("a length with a space inside", _post(b"content-length: 1 3\r\n", b"abc"), (400,), CLOSED),
    Row("a length without digits", _post(b"content-length: \r\n", b""), (400,), CLOSED),
    Row("a length beyond 64 bits", _post(b"content-length: 99999999999999999999\r\n"), (400,), CLOSED),
    Row("a length above the limit", _post(b"content-length: 1000001\r\n"), (413,), CLOSED),
    Row("length and coding, the smuggler's pair",
        _post(b"content-length: 6\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\nG"), (400,), CLOSED),
    Row("coding and length, the other way round",
        _post(b"transfer-encoding: chunked\r\ncontent-length: 6\r\n", b"0\r\n\r\nG"), (400,), CLOSED),
)  # fmt: skip

CODINGS = (
    Row("a body in chunks", _chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), (200,), OPEN, (b"POST / abcde",)),
    Row("an empty body in chunks", _chunked(b"0\r\n\r\n"), (200,), OPEN, (b"POST / ",)),
    Row("sizes in upper case and with zeros", _chunked(b"00A\r\n0123456789\r\n0\r\n\r\n"), (200,), OPEN,
        (b"POST / 0123456789",)),
    Row("chunk extensions", _chunked(b'3;a;b=c;d="e f"\r\nabc\r\n0;z\r\n\r\n'), (200,), OPEN, (b"POST / abc",)),
    Row("trailers are no fields", _chunked(b"3\r\nabc\r\n0\r\nx-seen: forged\r\n\r\n"), (200,), OPEN,
        (b"POST / abc",)),
    Row("the coding in another case", _post(b"transfer-encoding: Chunked\r\n", b"0\r\n\r\n"), (200,), OPEN),
    Row("a length among the trailers", _chunked(b"0\r\ncontent-length: 5\r\n\r\n"), (400,), CLOSED),
    Row("a chunk longer than it says", _chunked(b"3\r\nabcd\r\n0\r\n\r\n"), (400,), CLOSED),
    Row("a chunk shorter than it says", _chunked(b"4\r\nabc\r\n0\r\n\r\n"), (400,), CLOSED),
    Row("a size that is no number", _chunked(b"zz\r\nabc\r\n"), (400,), CLOSED),
    Row("a size with 0x", _chunked(b"0x3\r\nabc\r\n"), (400,), CLOSED),
    Row("a size with a sign", _chunked(b"+3\r\nabc\r\n"), (400,), CLOSED),
    Row("a size with a space behind", _chunked(b"3 \r\nabc\r\n"), (400,), CLOSED),
    Row("a size beyond 64 bits", _chunked(b"fffffffffffffffff\r\n"), (400,), CLOSED),
    Row("a bare LF after a size", _chunked(b"3\nabc\r\n0\r\n\r\n"), (400,), CLOSED),
    Row("a bare LF after a chunk", _chunked(b"3\r\nabc\n0\r\n\r\n"), (400,), CLOSED),
    Row("a bare LF in an extension", _chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n"), (400,), CLOSED),
    Row("chunks above the limit", _chunked(b"f4241\r\n" + b"a" * 1_000_001), (413,), CLOSED),
    Row("an endless extension", _chunked(b"3;" + b"a" * 400_000), (400,), CLOSED),
    Row("endless trailers", _chunked(b"0\r\n" + b"a: b\r\n" * 20_000), (431,), CLOSED),
    Row("an unknown coding before chunked", _post(b"transfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
        (501,), CLOSED),
    Row("chunked is not the last", _post(b"transfer-encoding: chunked, gzip\r\n", b"0\r\n\r\n"), (400,), CLOSED),
    Row("a coding that is not chunked", _post(b"transfer-encoding: gzip\r\n", b"abc"), (400,), CLOSED),
    Row("a coding that only looks like chunked", _post(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n"),
        (400,), CLOSED),
    Row("a coding after a vertical tab", _post(b"transfer-encoding: \x0bchunked\r\n", b"0\r\n\r\n"), (400,), CLOSED),
    Row("identity", _post(b"transfer-encoding: identity\r\n", b"abc"), (400,), CLOSED),
    Row("chunked twice", _post(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n"),
        (400,), CLOSED),
    Row("chunks of an old client", b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", (400,),
        CLOSED),
)  # fmt: skip

EXPECTATIONS = (
    Row("an expectation with the body behind it", _post(b"expect: 100-continue\r\ncontent-length: 2\r\n", b"ab"),
        (100, 200), OPEN, (b"POST / ab",)),
    Row("an expectation in another case", _post(b"expect: 100-Continue\r\ncontent-length: 2\r\n", b"ab"),
        (100, 200), OPEN),
    Row("an unknown expectation", _post(b"expect: 200-ok\r\ncontent-length: 2\r\n", b"ab"), (417,), CLOSED),
    Row("an expectation of an old client",
        b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nab", (200,), CLOSED),
    Row("an expectation of a body above the limit",
        _post(b"expect: 100-continue\r\ncontent-length: 1000001\r\n"), (413,), CLOSED),
)  # fmt: skip

CONNECTIONS = (
    Row("two requests at once", _get() + _get(target=b"/2"), (200, 200), OPEN, (b"GET / ", b"GET /2 ")),
    Row("ten requests at once", _get() * 10, (200,) * 10, OPEN),
    Row("a body and the next request", _post(b"content-length: 1\r\n", b"a") + _get(), (200, 200), OPEN),
    Row("chunks and the next request", _chunked(b"1\r\na\r\n0\r\n\r\n") + _get(), (200, 200), OPEN),
    Row("a good request, then a bad one", _get() + b"bad\r\n\r\n", (200, 400), CLOSED),
    Row("a bad request, then a good one", b"bad\r\n\r\n" + _get(), (400,), CLOSED),
    Row("close ends the connection", _get(b"connection: close\r\n"), (200,), CLOSED),
    Row("close among other options", _get(b"connection: te, Close\r\n"), (200,), CLOSED),
    Row("what follows close is not answered", _get(b"connection: close\r\n") + _get(), (200,), CLOSED),
    Row("an old client is not kept", b"GET / HTTP/1.0\r\n\r\n", (200,), CLOSED),
    Row("an old client that asks is kept", b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", (200,), OPEN),
    Row("HEAD has no body", b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n" + _get(), (200, 200), OPEN, (b"", b"GET / "),
        (0,)),
    Row("an upgrade to something unknown", _get(b"connection: upgrade\r\nupgrade: tea/1\r\n"), (200,), OPEN),
    Row("an upgrade to something unknown, with a body and the next request",
        _post(b"connection: upgrade, te\r\nupgrade: tea/1\r\ncontent-length: 3\r\n", b"abc") + _get(), (200, 200),
        OPEN, (b"POST / abc", b"GET / ")),
    Row("an upgrade to something unknown, with a body in chunks",
        _post(b"connection: upgrade\r\nupgrade: tea/1\r\ntransfer-encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
        (200,), OPEN, (b"POST / abc",)),
    Row("an upgrade to something unknown, and the next request",
        _get(b"connection: upgrade\r\nupgrade: tea/1\r\n") + _get(), (200, 200), OPEN),
    Row("a request cut in its head", b"GET / HTTP/1.1\r\nho", (400,), CLOSED),
    Row("a request cut in its body", _post(b"content-length: 5\r\n", b"ab"), (400,), CLOSED),
    Row("a request cut between its chunks", _chunked(b"2\r\nab\r\n"), (400,), CLOSED),
)  # fmt: skip

ROWS = REQUEST_LINES + FIELDS + HOSTS + LENGTHS + CODINGS + EXPECTATIONS + CONNECTIONS
