"""What both frameworks are asked, and where ours answers otherwise on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

_FORM = "application/x-www-form-urlencoded"
_UP = (
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
    '--b\r\nContent-Disposition: form-data; name="up"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\nfile'
    "\r\n--b--\r\n"
)
_EVENT = {
    "ce-id": "1",
    "ce-source": "/s",
    "ce-type": "t",
    "ce-specversion": "1.0",
    "content-type": "application/json",
}
_LEGACY = '{"context": {"eventId": "1", "timestamp": "t", "eventType": "e", "resource": "r"}, "data": {}}'
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Case:
    """One request to one function.

    Attributes:
        file: plain, flasks or aios.
        target: the function.
        unlike: the parts of our answer that are others on purpose: status, headers, body, crash.
    """

    file: str
    target: str
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    signature: str = "http"
    unlike: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.file}-{self.target}-{self.method}-{self.path[:40]}-{self.headers.get('content-type', '')[:20]}"


def _post(target: str, body: str = "", kind: str = "application/json") -> Case:
    return Case("plain", target, method="POST", headers={"content-type": kind}, body=body)


_FACTS = (
    "method", "path", "url", "base_url", "host", "host_url", "scheme", "query_string", "remote_addr", "is_json",
    "mimetype", "content_type", "is_secure", "root_url", "url_root", "referrer", "origin", "mimetype_params",
)  # fmt: skip
_NO_ERROR = ("status", "crash", "headers", "body")
_GIVES_ASYNC = ("dict", "dict_status", "json", "plain", "empty", "redirect", "pieces", "after")
_GIVES = ("text", "dict", "list", "status", "headers", "both", "pairs", "empty", "pieces")

CASES = [
    *(Case("plain", "told", f"/a%20b/c?names={name}&x=%20y") for name in _FACTS),
    *(
        Case("plain", "told", f"/?names={name}", "POST", {"content-type": "text/plain; charset=latin-1"}, "x")
        for name in ("mimetype", "content_type", "mimetype_params", "data")
    ),
    Case("plain", "values", "/?x=1&x=2&n=5&e="),
    Case("plain", "values", "/?n=five&x=a%2Bb+c&%C3%BC=%C3%A9"),
    Case("plain", "values"),
    _post("values", "x=3", _FORM),
    Case("plain", "needs", "/?needed=1"),
    Case("plain", "needs"),
    _post("needs_form", "needed=1", _FORM),
    _post("needs_form", "other=1", _FORM),
    Case("plain", "headers", headers={"User-Agent": "curl/8", "X-One": "1", "X-Number": "5"}),
    Case("plain", "headers", headers={"User-Agent": "curl/8", "X-One": "1", "X-Number": "x"}),
    _post("json_property", '{"a": [1, null, "\\u00e9"]}'),
    _post("json_property", "[]", "application/vnd.api+json"),
    _post("json_property", "{broken"),
    _post("json_property", "{}", "text/plain"),
    _post("json_property", ""),
    _post("json_silent", '{"a": 1}'),
    _post("json_silent", "{broken"),
    _post("json_silent", "{}", "text/plain"),
    _post("json_forced", '{"a": 1}', "text/plain"),
    _post("json_forced", "no", "text/plain"),
    _post("body", "some text", "text/plain"),
    Case("plain", "body"),
    _post("form", "a=1&a=2&b=%C3%A9", _FORM),
    _post("form", _UP, "multipart/form-data; boundary=b"),
    _post("form", "a=1", "text/plain"),
    Case("plain", "authorization", headers={"Authorization": "Basic dXNlcjpwYXNz"}),
    Case("plain", "authorization", headers={"Authorization": "Bearer abc"}),
    Case("plain", "authorization"),
    Case("plain", "cookies", headers={"Cookie": "a=1; c=2"}),
    Case("plain", "cookies"),
    *(Case("plain", f"gives_{kind}") for kind in _GIVES),
    Case("plain", "gives_text", method="HEAD"),
    Case("plain", "raises"),
    Case("plain", "raises_handled"),
    *(
        Case("plain", "declared", "/x/y", method)
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
    ),
    Case("plain", "declared", "/favicon.ico"),
    Case("plain", "declared", "/robots.txt"),
    Case("plain", "event", method="POST", headers=_EVENT, body="{}", unlike=("headers",)),  # OK is plain text
    Case("plain", "event", method="POST", headers={**_EVENT, "ce-type": "fail"}, body="{}"),
    Case("plain", "event", method="POST", headers=_JSON, body="{}"),
    Case("plain", "event"),
    Case(
        "plain",
        "background",
        method="POST",
        headers=_JSON,
        body=_LEGACY,
        signature="event",
        unlike=("headers",),
    ),
    Case("plain", "background", method="POST", headers=_JSON, body="{}", signature="event"),
    Case(
        "plain",
        "background",
        method="POST",
        headers=_JSON,
        body=_LEGACY.replace('"e"', '"fail"'),
        signature="event",
    ),
    Case("plain", "background", method="POST", headers=_JSON, body="", signature="event"),
    Case("plain", "background", signature="event"),
    Case("flasks", "told", "/a/b?x=1"),
    *(
        Case("flasks", "aborts", f"/?status={status}")
        for status in (400, 401, 403, 404, 405, 409, 418, 429, 503)
    ),
    Case("flasks", "aborts"),
    *(Case("flasks", target) for target in ("redirects", "responds", "context", "streams", "none", "url")),
    Case("flasks", "event", method="POST", headers=_EVENT, body="{}"),
    Case("aios", "told", "/a%20b?x=1&y=%C3%A9", headers={"User-Agent": "curl/8", "Cookie": "a=1"}),
    Case("aios", "told", "/", "POST", {"content-type": "text/plain", "user-agent": "curl/8"}, "some text"),
    Case("aios", "reads_json", "/", "POST", _JSON, '{"a": 1}'),
    Case("aios", "reads_json", "/", "POST", _JSON, "{broken"),
    Case("aios", "reads_pieces", "/", "POST", _JSON, "12345"),
    *(Case("aios", "gives", f"/?kind={kind}") for kind in _GIVES_ASYNC),
    *(
        Case("aios", "gives", f"/?kind={kind}", unlike=("headers",)) for kind in ("text", "status")
    ),  # text has a type
    *(Case("aios", "refuses", f"/?status={status}") for status in (400, 404, 409, 500, 503)),
    Case("aios", "raises"),
    *(
        Case("aios", "plain_function", "/x", method, unlike=("headers",))
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")
    ),
    Case("aios", "plain_function", "/favicon.ico"),
    Case("aios", "event", method="POST", headers=_EVENT, body="{}", unlike=("headers",)),  # OK is plain text
    Case("aios", "event", method="POST", headers={**_EVENT, "ce-type": "fail"}, body="{}"),
    Case("aios", "event", method="POST", headers=_JSON, body="{}"),
    Case("aios", "event"),
    Case("plain", "gives_none", unlike=_NO_ERROR),  # nothing to say is 204
    Case("plain", "gives_number", unlike=_NO_ERROR),  # a number is JSON
    Case("plain", "gives_bytes", unlike=("headers",)),  # bytes are application/octet-stream, not a page
    Case("flasks", "aborts", "/?status=500", unlike=("crash",)),  # it was said, so it is no crash
]
