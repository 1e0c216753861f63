"""A function's parameters and result as its annotations describe them: what is filled in, and from where.

It fills in nothing (typed.py) and writes no schema; both read this one description.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from functions_framework import exits, registry, routing

Source = Literal["request", "cloudevent", "context", "websocket", "body", "path", "query", "header"]
UNKNOWN: Final = inspect.Parameter.empty  # no annotation, or one that cannot be evaluated; no default

_OURS: Final[Mapping[str, Source]] = {
    "Request": "request",
    "CloudEvent": "cloudevent",
    "Context": "context",
    "UserContext": "context",
    "WebSocket": "websocket",
}
_ROOTS = ("functions_framework", "cloudevents")
_SCALARS: Final = (
    bool, int, float, str, uuid.UUID, decimal.Decimal,
    datetime.date, datetime.time, datetime.timedelta, enum.Enum, type(None),
)  # fmt: skip
_COLLECTIONS: Final = (list, tuple, set, frozenset, Collection)
_NO_HINT: Final = (UNKNOWN, Any, object)


@dataclass(frozen=True, slots=True)
class Where:
    """Says in `Annotated[...]` where a parameter comes from; `name` when it is called something else there."""

    source: Source
    name: str = ""


def Body() -> Where:  # noqa: N802  # reads as a type in an annotation
    """The parameter is the request's body, whatever its type."""
    return Where("body")


def Query(name: str = "") -> Where:  # noqa: N802  # as above
    """The parameter is a value of the query, of this name."""
    return Where("query", name)


def Header(name: str = "") -> Where:  # noqa: N802  # as above
    """The parameter is a header field; without a name the parameter's own, with dashes for underscores."""
    return Where("header", name)


Json: TypeAlias = Annotated[Any, Where("body")]
"""The body as JSON, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that is filled in.

    Attributes:
        name: as written.
        source: where its value comes from.
        type: the evaluated annotation without `Annotated[..., Where]`; UNKNOWN when there is none.
        default: the value when the request has none; UNKNOWN when it must be there.
        key: what it is called in its source: the path variable, query name or header.
        by_name: it is passed by keyword.
    """

    name: str
    source: Source
    type: Any  # Any: an annotation is a class, a generic alias, a union, ...
    default: Any = UNKNOWN  # Any: of the parameter's type
    key: str = ""
    by_name: bool = False

    @property
    def required(self) -> bool:
        """There is no default."""
        return self.default is UNKNOWN


@dataclass(frozen=True, slots=True)
class Surface:
    """What a function takes and gives.

    Attributes:
        parameters: those that are filled in, in order; parameters with a default and no annotation are left alone.
        result: the evaluated return annotation; UNKNOWN when there is none. Of a generator function it is what is
            written, such as `AsyncIterator[Event]`.
    """

    parameters: tuple[Parameter, ...]
    result: Any  # Any: as `Parameter.type`

    def of(self, source: Source) -> tuple[Parameter, ...]:
        """The parameters of one source."""
        return tuple(each for each in self.parameters if each.source == source)

    @property
    def body(self) -> Parameter | None:
        """The parameter that is the body, if there is one."""
        found = self.of("body")
        return found[0] if found else None


def describe(written: Callable[..., Any], path: str | None = None) -> Surface:
    """Describe a callable.

    Args:
        written: the function as the user wrote it; a type given to `@typed(Type)` describes its first parameter.
        path: the template whose variables are parameters by name; None for the one its decorator notes.

    Raises:
        StartError: ArityMismatch when a parameter cannot be filled in.
    """
    note = registry.note_of(written)
    template = (note.path if note else "") if path is None else path
    variables = frozenset(routing.variables(template))
    found = [each for each in signature(written).parameters.values() if each.kind not in _VARIADIC]
    hints = hints_of(written)
    first_type = note.options.get("input", UNKNOWN) if note else UNKNOWN
    if found and first_type is not UNKNOWN:
        hints = {**hints, found[0].name: Annotated[first_type, Body()]}
    surface = Surface(_filled(found, hints, variables), hints.get("return", UNKNOWN))
    _check(name_of(written), surface)
    return surface


def _filled(
    found: Sequence[inspect.Parameter], hints: Mapping[str, Any], variables: frozenset[str]
) -> tuple[Parameter, ...]:
    made: list[Parameter] = []
    skipped = False
    for one in found:
        hint = hints.get(one.name, UNKNOWN)
        if (
            made
            and made[0].source == "context"
            and hint is one.default is UNKNOWN
            and one.name not in variables
        ):
            made.append(Parameter(one.name, "body", UNKNOWN))  # OpenFunction's `f(context, data)`
            continue
        parameter = _parameter(one, hint, variables=variables, first=one is found[0])
        if parameter is None:
            skipped = True
        else:
            # Behind one that is left alone a position would be another's.
            made.append(replace(parameter, by_name=True) if skipped else parameter)
    return tuple(made)


def signature_of(surface: Surface) -> registry.Signature:
    """What an undeclared function accepts, as its parameters say."""
    sources = [each.source for each in surface.parameters]
    if "websocket" in sources:
        return "websocket"
    if sources == ["context"] or (sources == ["context", "body"] and surface.parameters[1].type in _DATA):
        return "openfunction"
    if sources == ["cloudevent"]:
        return "cloudevent"
    return "http" if set(sources) <= {"request"} else "typed"


_DATA: Final = (UNKNOWN, bytes, Any)  # of OpenFunction's `f(context, data)`
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature(written: Callable[..., Any]) -> inspect.Signature:
    """The parameters of a callable; of one that does not tell them, `(*args, **kwargs)`."""
    try:
        return inspect.signature(written)
    except (TypeError, ValueError):  # some that are written in C
        return inspect.signature(lambda *args, **kwargs: (args, kwargs))


def hints_of(written: Callable[..., Any]) -> dict[str, Any]:
    """The evaluated annotations by name, of what is known here; one that cannot be evaluated is left out."""
    function = _function(written)
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001  # an annotation is the user's code: it may name what only a checker imports
        return _one_by_one(function)


def name_of(written: Callable[..., Any]) -> str:
    """What a person calls it."""
    return getattr(written, "__name__", type(written).__name__)


def _function(written: Any) -> Any:  # Any: what __wrapped__ and func are is not declared
    while True:
        if hasattr(written, "__wrapped__"):
            written = written.__wrapped__
        elif hasattr(written, "func") and hasattr(written, "keywords"):
            written = written.func
        elif inspect.isroutine(written) or inspect.isclass(written):
            return written
        else:
            return type(written).__call__


def _one_by_one(function: Any) -> dict[str, Any]:  # Any: as above
    scope = getattr(function, "__globals__", {})
    known = {}
    for name, hint in getattr(function, "__annotations__", {}).items():
        try:
            known[name] = eval(hint, scope) if isinstance(hint, str) else hint  # noqa: S307  # the user's own text
        except Exception:  # noqa: BLE001  # as in `hints_of`
            short = hint.rpartition(".")[2].strip("\"' ")
            if short in _OURS:
                known[name] = _Named(_OURS[short])
    return known


@dataclass(frozen=True, slots=True)
class _Named:
    """An annotation that only a type checker can evaluate, whose name says enough."""

    source: Source


def _parameter(
    one: inspect.Parameter, hint: Any, *, variables: frozenset[str], first: bool
) -> Parameter | None:
    """The parameter, or None when it is left to its default."""
    plain, where = _split(hint)
    by_name = one.kind is inspect.Parameter.KEYWORD_ONLY
    if one.name in variables:
        return Parameter(one.name, "path", plain, one.default, one.name, by_name)
    if where is None:
        source = _source(plain, first=first, optional=one.default is not UNKNOWN)
        where = None if source is None else Where(source)
    if where is None:
        if one.default is not UNKNOWN:
            return None
        raise _cannot_fill(one, plain)
    key = where.name or (one.name.replace("_", "-") if where.source == "header" else one.name)
    return Parameter(one.name, where.source, plain, one.default, key, by_name)


def _split(hint: Any) -> tuple[Any, Where | None]:
    """The annotation without our mark, and the mark."""
    if typing.get_origin(hint) is not Annotated:
        return hint, None
    inner, *marks = typing.get_args(hint)
    where = next((mark for mark in marks if isinstance(mark, Where)), None)
    if where is None:
        return hint, None
    rest = tuple(mark for mark in marks if mark is not where)
    return (Annotated[(inner, *rest)] if rest else inner), where


def _source(hint: Any, *, first: bool, optional: bool) -> Source | None:
    named = our_source(hint) or _batch(hint)
    if named is not None:
        return named
    if hint in _NO_HINT if isinstance(hint, type) else hint is Any:
        return "request" if first else None
    if is_scalar(hint):
        return "query"
    if optional and takes_many(hint):
        return "query"
    if is_content(hint):
        return "body"
    return "request" if first else None  # a request of another framework


def our_source(hint: Any) -> Source | None:
    """The source of a type of the framework, such as CloudEvent; None for any other."""
    if isinstance(hint, _Named):
        return hint.source
    if typing.get_origin(hint) is Annotated:  # with what others have to say of it
        return our_source(typing.get_args(hint)[0])
    if isinstance(hint, type) and hint.__module__.partition(".")[0] in _ROOTS:
        return _OURS.get(hint.__name__)
    return None


def _batch(hint: Any) -> Source | None:
    """A list of events is a batch of them."""
    inner = typing.get_args(hint)
    return "cloudevent" if is_many(hint) and inner and our_source(inner[0]) == "cloudevent" else None


def is_scalar(hint: Any) -> bool:
    """True for what one text can say: numbers, text, dates, UUIDs, enumerations, literals, and choices of them."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return is_scalar(typing.get_args(hint)[0])
    if origin is Literal:
        return True
    if is_union(hint):
        return all(is_scalar(each) for each in typing.get_args(hint))
    return isinstance(hint, type) and issubclass(hint, _SCALARS)


def is_content(hint: Any) -> bool:
    """True for what a body is: models, dataclasses, typed and plain dicts, lists, bytes, and choices with them."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return is_content(typing.get_args(hint)[0])
    if is_union(hint):
        return all(is_content(each) or is_scalar(each) for each in typing.get_args(hint))
    kind = origin or hint
    return isinstance(kind, type) and (
        issubclass(kind, (Mapping, *_COLLECTIONS, bytes, bytearray)) or is_model(kind)
    )


def is_model(kind: type) -> bool:
    """True for a class with fields: a dataclass, a TypedDict, a pydantic model, or one with `from_dict`."""
    return (
        dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__pydantic_validator__")
        or callable(getattr(kind, "from_dict", None))
    )


def is_union(hint: Any) -> bool:
    """True for `A | B` in either spelling."""
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def is_many(hint: Any) -> bool:
    """True for a list, tuple or set, of what a query may repeat."""
    kind = typing.get_origin(hint) or hint
    return (
        isinstance(kind, type)
        and issubclass(kind, _COLLECTIONS)
        and not issubclass(kind, (Mapping, str, bytes))
    )


def takes_many(hint: Any) -> bool:
    """True for a list of texts, as a query repeats them."""
    if is_union(hint):
        return any(map(takes_many, typing.get_args(hint)))
    return is_many(hint) and all(is_scalar(each) or each is Ellipsis for each in typing.get_args(hint))


def _cannot_fill(one: inspect.Parameter, hint: Any) -> exits.StartError:
    kind = "no annotation" if hint is UNKNOWN else f"the annotation {getattr(hint, '__name__', hint)!r}"
    return exits.StartError(
        "ArityMismatch",
        f"the parameter {one.name!r} has {kind}, so nothing says what it is given; annotate it with Request, "
        "CloudEvent, a model, or a type of a path variable or query value, or give it a default",
    )


def _check(name: str, surface: Surface) -> None:
    bodies = [each.name for each in (*surface.of("body"), *surface.of("cloudevent"))]
    if len(bodies) > 1:
        raise exits.StartError(
            "ArityMismatch",
            f"{name} takes the body {len(bodies)} times ({', '.join(bodies)}); put them into one model",
        )
