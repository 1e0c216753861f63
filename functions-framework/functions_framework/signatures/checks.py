"""Values as annotations want them, out of JSON or out of text; what does not fit is told with its path.

It knows what the standard library describes; pydantic's types are pydantic's own to check.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import re
import types
import typing
import uuid
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from functions_framework import exits
from functions_framework.signatures import parameters

Problems: TypeAlias = list[tuple[str, str]]
Check: TypeAlias = Callable[[Any, str, Problems], Any]
"""Takes a value, its path, and where to note what is wrong; gives the value as annotated, None when it is wrong."""

MOST: Final = 100  # problems that are told of one request, or a body of wrong items would fill the memory
_LISTED: Final = 10 * MOST  # of pydantic's, which are listed all or none
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def check(hint: Any) -> Check:
    """The check of JSON values for an annotation; raises StartError for one that nothing can check."""
    return _Maker(_JSON).make(hint)


def text_check(hint: Any) -> Check:
    """The check of texts for an annotation of `parameters.is_scalar`, or of a list of texts for one of many."""
    return _Maker(_TEXT).make(hint)


class _Maker:
    """Makes checks; one for a class that holds itself refers to itself."""

    def __init__(self, scalars: Mapping[type, Callable[[Any], Any]]) -> None:
        self._scalars = scalars
        self._classes: dict[Any, list[Check]] = {}

    def make(self, hint: Any) -> Check:
        if hint is parameters.UNKNOWN or hint is Any or hint is object:
            return _anything
        origin = typing.get_origin(hint)
        if origin is Annotated:
            return self.make(typing.get_args(hint)[0])
        if origin is Literal:
            return self._literal(typing.get_args(hint))
        if parameters.is_union(hint):
            return _any_of([self.make(each) for each in typing.get_args(hint)], hint)
        if origin in _WRAPPERS:
            return self.make(typing.get_args(hint)[0])
        return self._of_class(hint, origin or hint, typing.get_args(hint))

    def _of_class(self, hint: Any, kind: Any, inner: tuple[Any, ...]) -> Check:
        if hint is None:
            kind = type(None)
        for known, convert in self._scalars.items():
            if kind is known:
                return _converted(convert, _WORDS.get(known, f"no {known.__name__}"))
        if not isinstance(kind, type):
            raise _uncheckable(hint)
        if issubclass(kind, enum.Enum):
            return self._enum(kind)
        if parameters.is_model(kind) or hasattr(kind, "_fields"):
            return self._model(kind)
        if issubclass(kind, abc.Mapping):
            key, value = inner or (str, Any)
            return _mapping(_Maker(_TEXT).make(key), self.make(value))
        if issubclass(kind, tuple) and inner and inner[-1] is not Ellipsis:
            return _fixed([self.make(each) for each in inner])
        if issubclass(kind, abc.Collection) and not issubclass(kind, str | bytes | bytearray):
            return _collection(_COLLECTIONS.get(kind, kind), self.make(inner[0] if inner else Any))
        raise _uncheckable(hint)

    def _literal(self, members: tuple[Any, ...]) -> Check:
        read = {str(member): member for member in members} if self._scalars is _TEXT else None

        def checked(value: Any, path: str, problems: Problems) -> Any:
            found = read.get(value, _NONE) if read is not None else _member(members, value)
            return _wrong(path, f"is none of {_listed(members)}", problems) if found is _NONE else found

        return checked

    def _enum(self, kind: type[enum.Enum]) -> Check:
        by_text = {str(member.value): member for member in kind} if self._scalars is _TEXT else None

        def checked(value: Any, path: str, problems: Problems) -> Any:
            try:
                return kind(value) if by_text is None else by_text[value]
            except (ValueError, KeyError):
                return _wrong(path, f"is none of {_listed([each.value for each in kind])}", problems)

        return checked

    def _model(self, kind: Any) -> Check:
        if kind in self._classes:
            made = self._classes[kind]
            return lambda value, path, problems: made[0](value, path, problems)  # noqa: PLW0108  # filled in later
        slot = self._classes[kind] = []
        if callable(getattr(kind, "from_dict", None)):
            slot.append(_from_dict(kind))
        elif hasattr(kind, "__pydantic_validator__"):
            slot.append(pydantic_check(kind))
        else:
            slot.append(_fields(kind, self))
        return slot[0]


_NONE: Final = object()
_WRAPPERS: Final = (typing.Required, typing.NotRequired, typing.Final)
_COLLECTIONS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    abc.Sequence: list, abc.MutableSequence: list, abc.Collection: list, abc.Iterable: list,
    abc.Set: frozenset, abc.MutableSet: set,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    key: str
    check: Check
    required: bool


def _fields(kind: Any, maker: _Maker) -> Check:
    """A dataclass, TypedDict or named tuple."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [_Field(key, maker.make(hint), required) for key, hint, required in described(kind, hints)]
    make = _typed_dict if typing.is_typeddict(kind) else kind

    def checked(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return _wrong(path, "is no object", problems)
        before, given = len(problems), {}
        for field in fields:
            here = f"{path}.{field.key}"
            if field.key in value:
                given[field.key] = field.check(value[field.key], here, problems)
            elif field.required:
                problems.append((here, "is missing"))
        if len(problems) > before:
            return None
        try:
            return make(**given)
        except (TypeError, ValueError) as error:  # its own __post_init__ or __new__
            return _wrong(path, str(error), problems)

    return checked


def _typed_dict(**given: Any) -> dict[str, Any]:
    return given


def described(kind: Any, hints: Mapping[str, Any]) -> list[tuple[str, Any, bool]]:
    """The fields of a dataclass, TypedDict or named tuple: name, annotation, whether it must be given."""
    if dataclasses.is_dataclass(kind):
        return [
            (each.name, hints[each.name],
             each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING)
            for each in dataclasses.fields(kind)
            if each.init
        ]  # fmt: skip
    if typing.is_typeddict(kind):
        # __required_keys__ does not see a NotRequired inside an annotation that is still text.
        return [
            (key, hint, key in kind.__required_keys__ and typing.get_origin(hint) is not typing.NotRequired)
            for key, hint in hints.items()
        ]
    return [(key, hints.get(key, Any), key not in kind._field_defaults) for key in kind._fields]


def _from_dict(kind: Any) -> Check:
    def checked(value: Any, path: str, problems: Problems) -> Any:
        try:
            return kind.from_dict(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            said = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            return _wrong(path, said or f"is no {kind.__name__}", problems)

    return checked


def pydantic_check(hint: Any) -> Check:
    """The check of pydantic for an annotation; raises StartError OptionalMissing without it."""
    try:
        import pydantic  # noqa: PLC0415  # optional, and heavy
    except ImportError as error:
        raise exits.StartError(
            "OptionalMissing",
            f"{hint!r} is checked by pydantic; add openfunction-functions-framework[typed] to the requirements",
        ) from error
    adapter = pydantic_adapter(hint)

    def checked(value: Any, path: str, problems: Problems) -> Any:
        try:
            return adapter.validate_python(value)
        except pydantic.ValidationError as error:
            problems += pydantic_problems(error, path)
            return None

    return checked


def pydantic_adapter(hint: Any) -> Any:  # Any: a pydantic.TypeAdapter
    """Pydantic's adapter for an annotation; numbers are finite but where a model decides for itself."""
    import pydantic  # noqa: PLC0415  # as above

    try:
        return pydantic.TypeAdapter(hint, config=pydantic.ConfigDict(allow_inf_nan=False))
    except pydantic.PydanticUserError:  # a model, whose configuration is its own
        return pydantic.TypeAdapter(hint)


def pydantic_problems(error: Any, path: str) -> Problems:
    """What a pydantic ValidationError says, as paths."""
    count = error.error_count()
    if count > _LISTED:  # each would become a dict of its own, though few are told
        return [(path, f"has {count} problems, too many to tell")]
    return [
        (".".join([path, *map(str, each["loc"])]), each["msg"])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def is_pydantic(hint: Any) -> bool:
    """True when pydantic's own types or constraints are somewhere in an annotation."""
    if typing.get_origin(hint) is Annotated:
        inner, *marks = typing.get_args(hint)
        return is_pydantic(inner) or any(
            type(mark).__module__.partition(".")[0] in {"pydantic", "annotated_types"} for mark in marks
        )
    return hasattr(hint, "__pydantic_validator__") or any(map(is_pydantic, typing.get_args(hint)))


_Known: TypeAlias = "dict[tuple[int, int], tuple[Any, Problems]]"


class _Tried(list[tuple[str, str]]):
    """The problems of one alternative, with what the unions below it have found already."""

    __slots__ = ("known",)

    def __init__(self, known: _Known) -> None:
        super().__init__()
        self.known = known  # by union and value, by their ids; the request holds both while it is checked


def _any_of(checks: Sequence[Check], hint: Any) -> Check:
    """The first that fits; where only one is something at all, its problems are told."""
    nulls = [each is types.NoneType for each in typing.get_args(hint)]
    single = nulls.count(False) == 1

    def tried(value: Any, path: str, known: _Known) -> tuple[Any, Problems]:
        told: Problems = []
        for each, is_null in zip(checks, nulls, strict=True):
            own = _Tried(known)
            found = each(value, path, own)
            if not own:
                return found, own
            told = told if is_null else own
        return None, told if single else [(path, f"is nothing of {_shown(hint)}")]

    def checked(value: Any, path: str, problems: Problems) -> Any:
        # Each alternative asks the unions below it again, which would double the work with every level.
        known = problems.known if isinstance(problems, _Tried) else {}
        if not isinstance(value, dict | list):
            found, told = tried(value, path, known)
        elif (before := known.get((id(tried), id(value)))) is not None:
            found, told = before
        else:
            found, told = known[id(tried), id(value)] = tried(value, path, known)
        problems += told
        return found

    return checked


def _mapping(key: Check, value: Check) -> Check:
    def checked(given: Any, path: str, problems: Problems) -> Any:
        if not isinstance(given, dict):
            return _wrong(path, "is no object", problems)
        found = {}
        for name, each in given.items():
            here = f"{path}.{name}"
            found[key(name, here, problems)] = value(each, here, problems)
            if len(problems) >= MOST:
                break
        return found

    return checked


def _collection(kind: Callable[[Any], Any], inner: Check) -> Check:
    def checked(given: Any, path: str, problems: Problems) -> Any:
        if not isinstance(given, list):
            return _wrong(path, "is no list", problems)
        before, found = len(problems), []
        for index, each in enumerate(given):
            found.append(inner(each, f"{path}.{index}", problems))
            if len(problems) >= MOST:
                break
        if kind is list or len(problems) > before:
            return found
        try:
            return kind(found)
        except TypeError as error:  # a set of lists
            return _wrong(path, str(error), problems)

    return checked


def _fixed(inner: Sequence[Check]) -> Check:
    def checked(given: Any, path: str, problems: Problems) -> Any:
        if not isinstance(given, list) or len(given) != len(inner):
            return _wrong(path, f"is no list of {len(inner)}", problems)
        pairs = enumerate(zip(inner, given, strict=True))
        return tuple(each(value, f"{path}.{index}", problems) for index, (each, value) in pairs)

    return checked


def _converted(convert: Callable[[Any], Any], words: str) -> Check:
    def checked(value: Any, path: str, problems: Problems) -> Any:
        try:
            return convert(value)
        except (ValueError, TypeError, ArithmeticError):
            return _wrong(path, words, problems)

    return checked


def _anything(value: Any, _path: str, _problems: Problems) -> Any:
    return value


def _wrong(path: str, words: str, problems: Problems) -> None:
    problems.append((path, words))


def _member(members: Sequence[Any], value: Any) -> Any:
    return next((each for each in members if each == value and type(each) is type(value)), _NONE)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def _shown(hint: Any) -> str:
    return " | ".join(getattr(each, "__name__", str(each)) for each in typing.get_args(hint))


def _uncheckable(hint: Any) -> exits.StartError:
    return exits.StartError(
        "InvalidFunction",
        f"nothing checks values of {hint!r}; use a dataclass, TypedDict, pydantic model, or a class with from_dict",
    )


# Converters: they raise ValueError or TypeError for what does not fit.


def _exactly(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return convert


def _integer(value: Any) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise TypeError
    return value


def _number(value: Any) -> float:
    if type(value) not in {int, float}:
        raise TypeError
    return _finite(float(value))


def _of_text(convert: Callable[[str], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError
        return convert(value)

    return converted


def _decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    found = decimal.Decimal(str(value))
    if not found.is_finite():
        raise ValueError
    return found


def _seconds(value: Any) -> datetime.timedelta:
    return datetime.timedelta(seconds=_number(value))


def _text_integer(value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise ValueError
    return int(value)


def _text_number(value: str) -> float:
    if "_" in value:
        raise ValueError
    return _finite(float(value))


def _finite(value: float) -> float:
    """JSON has neither an infinity nor what is no number, so it could not be answered with."""
    if not math.isfinite(value):
        raise ValueError
    return value


def _text_bool(value: str) -> bool:
    lowered = value.lower()
    if lowered not in _TRUE | _FALSE:
        raise ValueError
    return lowered in _TRUE


def _text_none(value: str) -> None:
    if value not in {"", "null"}:
        raise ValueError


_IN_BOTH: Final[Mapping[type, Callable[[Any], Any]]] = {
    uuid.UUID: _of_text(uuid.UUID),
    datetime.datetime: _of_text(datetime.datetime.fromisoformat),
    datetime.date: _of_text(datetime.date.fromisoformat),
    datetime.time: _of_text(datetime.time.fromisoformat),
    decimal.Decimal: _decimal,
}
_JSON: Final[Mapping[type, Callable[[Any], Any]]] = {
    str: _exactly(str),
    int: _integer,
    float: _number,
    bool: _exactly(bool),
    types.NoneType: _exactly(types.NoneType),
    bytes: _of_text(str.encode),
    datetime.timedelta: _seconds,
    **_IN_BOTH,
}
_TEXT: Final[Mapping[type, Callable[[Any], Any]]] = {
    str: str,
    int: _text_integer,
    float: _text_number,
    bool: _text_bool,
    types.NoneType: _text_none,
    datetime.timedelta: lambda value: datetime.timedelta(seconds=_text_number(value)),
    **_IN_BOTH,
}
_WORDS: Final[Mapping[type, str]] = {
    str: "is no text",
    int: "is no whole number",
    float: "is no number",
    bool: "is neither true nor false",
    types.NoneType: "is not null",
    bytes: "is no text",
    uuid.UUID: "is no UUID",
    datetime.datetime: "is no date and time, such as 2024-05-01T12:00:00Z",
    datetime.date: "is no date, such as 2024-05-01",
    datetime.time: "is no time of day, such as 12:00:00",
    datetime.timedelta: "is no number of seconds",
    decimal.Decimal: "is no decimal number",
}
