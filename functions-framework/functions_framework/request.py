"""The request as a function sees it: method, path, args, headers, body; parsed when looked at.

Its names and what they give are Flask's, so that code written for Flask reads it; it knows no connection and
changes nothing. One name differs between frameworks: `json` is a property here, as in Flask, not a method. What few
functions look at is Flask's own, where Flask is installed; and code may keep on it what it likes, such as a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

from functions_framework import errors, fields, jsons
from functions_framework.fields import Fields, Headers, Values

if TYPE_CHECKING:
    from functions_framework.authorization import Authorization
    from functions_framework.multipart import Files

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_IN_PATH = "/!$&'()*+,:;=@~"  # what RFC 3986 §3.3 lets stand in a path
_BOM = b"\xef\xbb\xbf"  # RFC 8259 §8.1: it may be ignored, and some clients send it
_FLASKS_OWN = (
    "accept_charsets", "accept_encodings", "accept_languages", "accept_mimetypes", "access_control_request_headers",
    "access_control_request_method", "access_route", "blueprint", "blueprints", "cache_control", "content_encoding",
    "content_md5", "date", "endpoint", "environ", "if_match", "if_modified_since", "if_none_match", "if_range",
    "if_unmodified_since", "input_stream", "is_multiprocess", "is_multithread", "is_run_once", "json_module",
    "max_content_length", "max_forwards", "max_form_memory_size", "max_form_parts", "pragma", "range", "remote_user",
    "root_path", "routing_exception", "script_root", "server", "url_rule",
)  # fmt: skip


class UserAgent(str):
    """What the client calls itself."""

    __slots__ = ()

    @property
    def string(self) -> str:
        """The header (Flask's name)."""
        return str(self)


class Request:
    """One HTTP request, whole: the body has been received before the function runs."""

    # `_parsed` and `_params` are set only where there is a form or a path's variable: every request would pay for none.
    __slots__ = (
        "__dict__", "_args", "_fields", "_headers", "_json", "_params", "_parsed", "body", "full_target", "invocation",
        "method", "peer",
    )  # fmt: skip
    invocation: Any  # around.py's, set only where a function has something around it

    def __init__(self, method: str, target: bytes, fields: Fields, body: bytes, peer: Any = None) -> None:
        self.method: str = method
        self.body: bytes = body
        self.peer: Any = peer
        self.full_target: bytes = target
        self._fields = fields
        self._headers: Headers | None = None
        self._args: Values | None = None
        self._json: tuple[Any] | None = None

    def _flasks(self) -> Any:  # Any: a flask.Request
        kept = vars(self)
        if "_flask" not in kept:
            import flask  # noqa: PLC0415  # whoever looks at a name of its has it

            environ = import_module("functions_framework.wsgi").environ  # which knows requests, so late
            kept["_flask"] = flask.Request(environ(self))
        return kept["_flask"]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.full_target.decode('latin-1')}>"

    @property
    def raw_path(self) -> bytes:
        """The path as sent, percent signs and all, without the query."""
        target = self.full_target
        if not target.startswith(b"/"):  # absolute form, which a proxy sends
            _, mark, rest = target.partition(b"://")
            target = b"/" + rest.partition(b"/")[2] if mark else target
        return target.partition(b"?")[0]

    @property
    def path(self) -> str:
        """The decoded path, beginning with a slash."""
        raw = self.raw_path.decode("latin-1")
        if "%" not in raw:
            return raw
        from urllib.parse import unquote  # noqa: PLC0415  # as in fields.py

        return unquote(raw)

    @property
    def query_string(self) -> bytes:
        """What follows the question mark, undecoded."""
        return self.full_target.partition(b"?")[2]

    @property
    def full_path(self) -> str:
        """The decoded path, a question mark, and the query, as Flask puts them together."""
        return f"{self.path}?{self.query_string.decode('latin-1')}"

    @property
    def host(self) -> str:
        """The Host header: the name, and the port where it is not the usual one."""
        told = self.headers.get("host", "localhost")
        return told.removesuffix(":443" if self.is_secure else ":80")

    @property
    def scheme(self) -> str:
        """https where a proxy on this machine, such as the gateway, says that its client used it; else http."""
        return "https" if self.is_secure else "http"

    @property
    def is_secure(self) -> bool:
        """True for https; TLS ends before the function, so `X-Forwarded-Proto` tells, and nobody's from afar."""
        return self.field(b"x-forwarded-proto").lower() == b"https" and self._is_from_here()

    def _is_from_here(self) -> bool:
        return not isinstance(self.peer, tuple) or self.peer[0].startswith("127.") or self.peer[0] == "::1"

    @property
    def host_url(self) -> str:
        """Scheme and host, with a slash at the end."""
        return f"{self.scheme}://{self.host}/"

    @property
    def url_root(self) -> str:
        """The same under another name of Flask's."""
        return self.host_url

    @property
    def root_url(self) -> str:
        """The same under the third name."""
        return self.host_url

    @property
    def base_url(self) -> str:
        """The address without the query."""
        from urllib.parse import quote  # noqa: PLC0415  # as in fields.py

        return f"{self.scheme}://{self.host}{quote(self.path, safe=_IN_PATH)}"

    @property
    def url(self) -> str:
        """The address that the client used, as far as its Host header tells."""
        query = self.query_string.decode("latin-1")
        return f"{self.base_url}?{query}" if query else self.base_url

    @property
    def fields(self) -> Fields:
        """The header fields as received."""
        return self._fields

    def field(self, name: bytes) -> bytes:
        """The first value of a field, named in lower case, for who looks at one or two alone; empty without one."""
        for key, value in self._fields:
            if key == name or (len(key) == len(name) and key.lower() == name):
                return value
        return b""

    @property
    def headers(self) -> Headers:
        """Header fields, by name in any case."""
        if self._headers is None:
            self._headers = Headers(self._fields)
        return self._headers

    @property
    def path_params(self) -> Mapping[str, str]:
        """The variables of the function's path template, decoded."""
        try:
            return self._params
        except AttributeError:
            return {}

    @path_params.setter
    def path_params(self, values: Mapping[str, str]) -> None:
        self._params: Mapping[str, str] = values

    @property
    def view_args(self) -> Mapping[str, str]:
        """The variables of the path template (Flask's name)."""
        return self.path_params

    @property
    def args(self) -> Values:
        """The query's values."""
        if self._args is None:
            self._args = Values.encoded(self.query_string.decode("latin-1"))
        return self._args

    @property
    def form(self) -> Values:
        """The values of a form, urlencoded or multipart; empty for any other content type."""
        return self._form()[0]

    @property
    def files(self) -> Files:
        """The files of a multipart form."""
        return self._form()[1]

    @property
    def values(self) -> Values:
        """The query's values, and after them those of the form, as Flask combines them."""
        return Values([*self.args.pairs(), *self.form.pairs()])

    @property
    def cookies(self) -> Values:
        """The cookies that the client sent."""
        return fields.cookies(self.headers.get("cookie", ""))

    @property
    def authorization(self) -> Authorization | None:
        """What the Authorization header says; None without one."""
        from functions_framework import authorization  # noqa: PLC0415  # few functions look

        return authorization.parse(self.headers.get("authorization"))

    def _form(self) -> tuple[Values, Files]:
        try:
            return self._parsed
        except AttributeError:
            self._parsed: tuple[Values, Files] = self._parse_form()
            return self._parsed

    def _parse_form(self) -> tuple[Values, Files]:
        from functions_framework import multipart  # noqa: PLC0415  # few functions read forms

        mimetype = self.mimetype
        if mimetype == _MULTIPART:
            parsed = multipart.parse(self.content_type or "", self.body)
            return Values(parsed.values), parsed.files
        encoded = self.body.decode("latin-1") if mimetype == _URLENCODED else ""
        return Values.encoded(encoded), multipart.Files()

    @property
    def data(self) -> bytes:
        """The body (Flask's name)."""
        return self.body

    @property
    def remote_addr(self) -> str | None:
        """The address of the other end of the connection, usually the gateway's."""
        return self.peer[0] if isinstance(self.peer, tuple) else None

    @property
    def content_type(self) -> str | None:
        """The Content-Type header."""
        return self.headers.get("content-type")

    @property
    def mimetype(self) -> str:
        """The Content-Type without parameters, lower case; empty when absent."""
        return _mimetype(self.field(b"content-type"))

    @property
    def is_json(self) -> bool:
        """True when the content type says JSON."""
        return is_json_type(self.mimetype)

    @property
    def mimetype_params(self) -> dict[str, str]:
        """The parameters of the Content-Type, such as charset."""
        from functions_framework import multipart  # noqa: PLC0415  # few functions look

        return multipart.parameters(self.content_type or "")

    @property
    def content_length(self) -> int | None:
        """The size of the body in bytes; None when no body was sent."""
        return len(self.body) if self.body or "content-length" in self.headers else None

    @property
    def stream(self) -> BytesIO:
        """The body as a file, new at each look."""
        return BytesIO(self.body)

    @property
    def user_agent(self) -> UserAgent:
        """The User-Agent header; also as `user_agent.string`."""
        return UserAgent(self.headers.get("user-agent", ""))

    @property
    def referrer(self) -> str | None:
        """The Referer header."""
        return self.headers.get("referer")

    @property
    def origin(self) -> str | None:
        """The Origin header."""
        return self.headers.get("origin")

    def get_data(self, cache: bool = True, as_text: bool = False) -> bytes | str:  # noqa: FBT001, FBT002, ARG002  # Flask's signature
        """The body, as text when asked; undecodable bytes are replaced."""
        return self.body.decode(errors="replace") if as_text else self.body

    @property
    def text(self) -> str:
        """The body as UTF-8 text; raises BadRequest when it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise errors.BadRequest(f"The body is no UTF-8 text: {error}.") from error

    @property
    def json(self) -> Any:  # Any: JSON is whatever the client sent
        """The body as JSON; raises HttpError 415 or 400 as `get_json` does."""
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: FBT001, FBT002, ARG002  # Flask's signature
        """The body as JSON when the content type says so.

        Args:
            force: ignore the content type.
            silent: None instead of an error.
            cache: accepted; the parsed value is always kept.

        Raises:
            HttpError: 415 for another content type, 400 for a body that is no JSON.
        """
        if not (force or self.is_json):
            if silent:
                return None
            raise errors.HttpError(415, "Send the body with the header Content-Type: application/json.")
        try:
            return self._loaded()
        except errors.BadRequest:
            if silent:
                return None
            raise

    def _loaded(self) -> Any:  # Any: as above
        if self._json is None:
            try:
                self._json = (jsons.loads(self.body),)
            except jsons.DecodeError as error:
                self._json = (self._loaded_otherwise(error),)
        return self._json[0]

    def _loaded_otherwise(self, error: jsons.DecodeError) -> Any:  # Any: as above
        if self.body.startswith(_BOM):
            try:
                return jsons.loads(self.body.removeprefix(_BOM))
            except jsons.DecodeError as again:
                error = again
        raise errors.BadRequest(f"The body is no JSON: {error}.") from error


@lru_cache(maxsize=64)
def _mimetype(content_type: bytes) -> str:
    return content_type.partition(b";")[0].decode("latin-1").strip().lower()


def _add_flasks_own(name: str) -> None:
    # Not __getattr__: with one, Python looks up every other attribute more slowly.
    setattr(Request, name, property(lambda received: getattr(received._flasks(), name)))  # noqa: SLF001  # its own


for _name in _FLASKS_OWN:
    _add_flasks_own(_name)


def is_json_type(mimetype: str) -> bool:
    """True for application/json and every type with the suffix +json."""
    return mimetype == "application/json" or mimetype.endswith("+json")
