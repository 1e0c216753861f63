"""The request as a function sees it: method, path, args, headers, body; parsed when looked at.

It knows no connection and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload
from urllib.parse import parse_qsl, unquote

from functions_framework import errors, jsons

Fields = Sequence[tuple[bytes, bytes]]
_T = TypeVar("_T")


class Headers(Mapping[str, str]):
    """Header fields by name in any case; repeated fields are joined with a comma."""

    __slots__ = ("_fields", "_values")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._values: dict[str, str] | None = None

    def _index(self) -> dict[str, str]:
        if self._values is None:
            values: dict[str, str] = {}
            for raw_name, raw_value in self._fields:
                name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                values[name] = f"{values[name]}, {value}" if name in values else value
            self._values = values
        return self._values

    def __getitem__(self, name: str) -> str:
        return self._index()[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index()

    def __iter__(self) -> Iterator[str]:
        return iter(self._index())

    def __len__(self) -> int:
        return len(self._index())

    def __repr__(self) -> str:
        return f"Headers({self._index()!r})"

    def getlist(self, name: str) -> list[str]:
        """Every value of a field, in the order received."""
        wanted = name.lower().encode("latin-1", "replace")
        return [value.decode("latin-1") for key, value in self._fields if key.lower() == wanted]

    @property
    def raw(self) -> Fields:
        """The fields as received."""
        return self._fields


class Values(Mapping[str, str]):
    """Decoded name/value pairs of a query or form; a name's first value stands for it."""

    __slots__ = ("_values",)

    def __init__(self, encoded: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(encoded, keep_blank_values=True, max_num_fields=10_000):
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Values({self._values!r})"

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    @overload
    def get(self, name: str, default: _T, type: Callable[[str], _T]) -> _T: ...
    @overload
    def get(self, name: str, default: None = None, *, type: Callable[[str], _T]) -> _T | None: ...
    def get(self, name: str, default: Any = None, type: Callable[[str], Any] | None = None) -> Any:  # noqa: A002  # Flask's name
        """The first value, converted with `type`; the default when absent or not convertible."""
        if name not in self._values:
            return default
        if type is None:
            return self[name]
        try:
            return type(self[name])
        except (ValueError, TypeError):
            return default

    def getlist(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return list(self._values.get(name, ()))

    def to_dict(self) -> dict[str, str]:
        """First values as a plain dict."""
        return dict(self)


class Request:
    """One HTTP request, whole: the body has been received before the function runs."""

    __slots__ = ("_args", "_fields", "_headers", "_json", "_params", "body", "full_target", "method", "peer")

    def __init__(self, method: str, target: bytes, fields: Fields, body: bytes, peer: Any = None) -> None:
        self.method = method
        self.body = body
        self.peer = peer
        self.full_target = target
        self._fields = fields
        self._headers: Headers | None = None
        self._args: Values | None = None
        self._json: tuple[Any] | None = None
        self._params: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.full_path}>"

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
        return unquote(raw) if "%" in raw else raw

    @property
    def query_string(self) -> bytes:
        """What follows the question mark, undecoded."""
        return self.full_target.partition(b"?")[2]

    @property
    def full_path(self) -> str:
        """Path and query as sent."""
        return self.full_target.decode("latin-1")

    @property
    def url(self) -> str:
        """The address that the client used, as far as its Host header tells."""
        return f"http://{self.headers.get('host', 'localhost')}{self.full_path}"

    @property
    def headers(self) -> Headers:
        """Header fields, by name in any case."""
        if self._headers is None:
            self._headers = Headers(self._fields)
        return self._headers

    @property
    def path_params(self) -> Mapping[str, str]:
        """The variables of the function's path template, decoded."""
        return self._params or {}

    @path_params.setter
    def path_params(self, values: Mapping[str, str]) -> None:
        self._params = values

    @property
    def args(self) -> Values:
        """The query's values."""
        if self._args is None:
            self._args = Values(self.query_string.decode("latin-1"))
        return self._args

    @property
    def form(self) -> Values:
        """The values of a urlencoded form; empty for any other content type."""
        is_form = self.mimetype == "application/x-www-form-urlencoded"
        return Values(self.body.decode("latin-1") if is_form else "")

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
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """True when the content type says JSON."""
        return is_json_type(self.mimetype)

    def get_data(self, *, as_text: bool = False) -> bytes | str:
        """The body, as text when asked; undecodable bytes are replaced."""
        return self.body.decode(errors="replace") if as_text else self.body

    @property
    def text(self) -> str:
        """The body as UTF-8 text; raises BadRequest when it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise errors.BadRequest(f"The body is no UTF-8 text: {error}.") from error

    def json(self) -> Any:  # Any: JSON is whatever the client sent
        """The body as JSON whatever its content type; raises BadRequest when it is none."""
        if self._json is None:
            try:
                self._json = (jsons.loads(self.body),)
            except jsons.DecodeError as error:
                raise errors.BadRequest(f"The body is no JSON: {error}.") from error
        return self._json[0]

    def get_json(self, force: bool = False, silent: bool = False) -> Any:  # noqa: FBT001, FBT002  # Flask's signature
        """The body as JSON when the content type says so.

        Args:
            force: ignore the content type.
            silent: None instead of an error.

        Raises:
            HttpError: 415 for another content type, 400 for a body that is no JSON.
        """
        if not (force or self.is_json):
            if silent:
                return None
            raise errors.HttpError(415, "Send the body with the header Content-Type: application/json.")
        try:
            return self.json()
        except errors.BadRequest:
            if silent:
                return None
            raise


def is_json_type(mimetype: str) -> bool:
    """True for application/json and every type with the suffix +json."""
    return mimetype == "application/json" or mimetype.endswith("+json")
