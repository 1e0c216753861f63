"""Named values of a request: header fields, and the values of a query, a form or cookies.

They are read from what came and are never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, overload

from functions_framework import errors

Fields = Sequence[tuple[bytes, bytes]]
_MOST = 10_000  # values of one query or form
_T = TypeVar("_T")
_keep = dict.__setitem__  # which Values themselves refuse


@lru_cache(maxsize=512)
def _lowered(name: bytes) -> str:
    return name.decode("latin-1").lower()


class MissingKey(errors.BadRequest, KeyError):  # noqa: N818  # as its siblings in errors.py
    """A value that the function needs was not sent: 400 when it is not caught, as in Flask."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The request lacks the value {name!r}.")


@lru_cache(maxsize=512)
def _titled(name: str) -> str:
    return name.title()


@lru_cache(maxsize=1)
def _parser() -> Callable[..., list[tuple[str, str]]]:
    from urllib.parse import parse_qsl  # noqa: PLC0415  # a start takes as long as it needs, and few requests do

    return parse_qsl


class Headers(Mapping[str, str]):
    """Header fields by name in any case; repeated fields are joined with a comma.

    They are listed as Flask lists them, `X-Forwarded-For`, so that a dict made of them is asked in the same way.
    """

    __slots__ = ("_fields", "_values")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._values: dict[str, str] | None = None

    def _index(self) -> dict[str, str]:
        if self._values is None:
            values: dict[str, str] = {}
            for raw_name, raw_value in self._fields:
                name, value = _lowered(raw_name), raw_value.decode("latin-1")
                values[name] = f"{values[name]}, {value}" if name in values else value
            self._values = values
        return self._values

    def __getitem__(self, name: str) -> str:
        return self._index()[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index()

    def __iter__(self) -> Iterator[str]:
        return map(_titled, self._index())

    def __len__(self) -> int:
        return len(self._index())

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    @overload
    def get(self, name: str, default: _T, type: Callable[[str], _T]) -> _T: ...
    @overload
    def get(self, name: str, default: None = None, *, type: Callable[[str], _T]) -> _T | None: ...
    def get(self, name: str, default: Any = None, type: Callable[[str], Any] | None = None) -> Any:  # noqa: A002  # Flask's name
        """The field's value, converted with `type`; the default when absent or not convertible."""
        value = self._index().get(name.lower())
        return default if value is None else _converted(value, default, type)

    def getlist(self, name: str) -> list[str]:
        """Every value of a field, in the order received."""
        wanted = name.lower().encode("latin-1", "replace")
        return [value.decode("latin-1") for key, value in self._fields if key.lower() == wanted]

    @property
    def lowered(self) -> Mapping[str, str]:
        """The same by names in lower case, as HTTP/2 and Dapr write them."""
        return self._index()

    @property
    def raw(self) -> Fields:
        """The fields as received."""
        return self._fields


class Values(dict[str, str]):
    """Values by name; a name's first value stands for it, and a missing one is a bad request.

    A dict, so that whatever takes one, such as `json.dumps`, takes them; yet they are never changed.
    """

    __slots__ = ("_lists",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        lists: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in lists:
                lists[name].append(value)
            else:
                lists[name] = [value]
                _keep(self, name, value)
        self._lists = lists

    @classmethod
    def encoded(cls, text: str) -> Values:
        """The values of a query or a urlencoded form; raises BadRequest when there are too many."""
        if not text:
            return cls()
        try:
            return cls(_parser()(text, keep_blank_values=True, max_num_fields=_MOST))
        except ValueError as error:
            raise errors.BadRequest(f"A query or form may hold {_MOST} values at most.") from error

    def __missing__(self, name: str) -> str:
        raise MissingKey(name)

    def __repr__(self) -> str:
        return f"Values({self._lists!r})"

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
        found = super().get(name)
        return default if found is None else found if type is None else _converted(found, default, type)

    def getlist(self, name: str, type: Callable[[str], Any] = str) -> list[Any]:  # noqa: A002  # Flask's name
        """Every value of a name, in order; those that `type` refuses are left out."""
        missing = object()
        converted = (_converted(value, missing, type) for value in self._lists.get(name, ()))
        return [value for value in converted if value is not missing]

    def items(self, multi: bool = False) -> Any:  # noqa: FBT001, FBT002  # Flask's signature
        """Names and values: each name once, or with all its values."""
        return self.pairs() if multi else super().items()

    def lists(self) -> Iterator[tuple[str, list[str]]]:
        """Names with all their values."""
        return ((name, list(values)) for name, values in self._lists.items())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every name and value, in order of the names."""
        return ((name, value) for name, values in self._lists.items() for value in values)

    def to_dict(self, flat: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  # Flask's signature
        """First values as a plain dict; lists of all values when not flat."""
        return dict(self) if flat else dict(self.lists())


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("what a request brought is not changed; make a dict of it first, with to_dict()")


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Values, _name, _refuse)


def cookies(header: str) -> Values:
    """The cookies of a Cookie header (RFC 6265 §5.4), quoted ones with their escapes undone, as Flask writes them."""
    pairs = (part.partition("=") for part in header.split(";"))
    return Values(
        (name.strip(), _unquoted(value.strip())) for name, mark, value in pairs if mark and name.strip()
    )


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value.strip('"')
    if "\\" not in value:
        return value[1:-1]
    import re  # noqa: PLC0415  # few cookies have escapes

    told = re.sub(r"\\(?:([0-3][0-7]{2})|(.))", lambda found: found[2] or chr(int(found[1], 8)), value[1:-1])
    return told.encode("latin-1", "replace").decode(errors="replace")


def _converted(value: str, default: Any, type_: Callable[[str], Any] | None) -> Any:
    if type_ is None:
        return value
    try:
        return type_(value)
    except (ValueError, TypeError):
        return default
