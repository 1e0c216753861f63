"""What the second parameter of `f(context, data)` is given: the bytes that came, read as its annotation says.

It decides once, when the function is loaded; a function of a context alone pays nothing.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from functions_framework import errors, exits, jsons
from functions_framework.context.user_context import UserContext
from functions_framework.dapr.signals import Drop

Reader = Callable[[UserContext], Any]  # Any: as the annotation says
_KINDS: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def reader(written: Callable[..., Any]) -> Reader | None:
    """How `data` is read; None for `f(context)`.

    Raises:
        StartError: ArityMismatch for a function of other parameters, or of data that cannot be read so.
    """
    try:
        parameters = list(inspect.signature(written).parameters.values())
    except (TypeError, ValueError):  # some that are written in C
        return None
    places = [one for one in parameters if one.kind in _KINDS]
    needed = [one for one in places if one.default is inspect.Parameter.empty]
    any_number = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
    name = getattr(written, "__name__", "the function")
    if len(needed) > 2 or not (places or any_number):
        raise exits.StartError(
            "ArityMismatch",
            f"{name} takes {len(needed)} arguments; an OpenFunction function is f(context), or f(context, data)",
        )
    return _of(_annotation(written, needed[1]), name) if len(needed) == 2 else None


def _annotation(written: Callable[..., Any], parameter: inspect.Parameter) -> Any:  # Any: as annotations are
    try:
        return typing.get_type_hints(written).get(parameter.name, parameter.annotation)
    except Exception:  # noqa: BLE001  # an annotation is the user's code: it may name what only a checker imports
        return parameter.annotation


def _of(annotation: Any, name: str) -> Reader:
    plain = typing.get_origin(annotation) or annotation
    known = plain if isinstance(plain, str) else getattr(plain, "__name__", "")
    if plain is inspect.Parameter.empty or known in {"bytes", "Any", "object"}:
        return lambda context: context.data
    if hasattr(plain, "model_validate_json"):
        return lambda context: _read(context, plain.model_validate_json)
    found = _READERS.get(known.partition("[")[0].rpartition(".")[2])
    if found is None:
        raise exits.StartError(
            "ArityMismatch",
            f"the data of {name} is annotated {known or annotation!r}; it comes as bytes, str, dict, list, CloudEvent "
            "or a pydantic model",
        )
    return found


def _event(context: UserContext) -> Any:
    if context.event is None:
        raise errors.BadRequest("This function takes CloudEvents.")
    return context.event


def _read(context: UserContext, read: Callable[[bytes], Any]) -> Any:
    """The data as `read` makes it; a message that cannot be read is dropped, as it never could be."""
    try:
        return read(context.data)
    except ValueError as error:  # of JSON, UTF-8 and pydantic alike
        said = f"The data cannot be read: {error}"
        raise (errors.BadRequest(said) if context.get_topic_event() is None else Drop(said)) from error


def _json_of(kind: type[Any]) -> Callable[[bytes], Any]:
    def read(raw: bytes) -> Any:
        value = jsons.loads(raw)
        if not isinstance(value, kind):
            raise ValueError(f"it is a JSON {type(value).__name__}, no {kind.__name__}")  # noqa: TRY004  # of the data
        return value

    return read


_READERS: Final[Mapping[str, Reader]] = {
    "str": lambda context: _read(context, bytes.decode),
    "dict": lambda context: _read(context, _json_of(dict)),
    "list": lambda context: _read(context, _json_of(list)),
    "CloudEvent": _event,
}
