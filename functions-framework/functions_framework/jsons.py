"""JSON as functions meet it: orjson, with numpy values and non-string keys accepted on the way out.

It decides nothing about HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

loads: Callable[[bytes | bytearray | memoryview | str], Any] = orjson.loads
DecodeError = orjson.JSONDecodeError
# What orjson does not write and the standard library does: large whole numbers, and what is nested in 254 levels;
# orjson reads 1024, and what was received can be sent on.
_BEYOND = ("64-bit", "Recursion limit")
_LENIENT = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def dumps(value: object) -> bytes:
    """Compact JSON of a function's result; raises TypeError for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Slower, so only for the results that need it.
        return _lenient(value)


def _lenient(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=_plain, option=_LENIENT)
    except TypeError as error:
        if not any(words in str(error) for words in _BEYOND):
            # Our own sentence, where it was ours, without the encoder's: a log's last line is what is read first.
            raise (error.__cause__ if type(error.__cause__) is TypeError else error) from None
    import json  # noqa: PLC0415  # only what is _BEYOND needs it

    try:
        whole = json.dumps(
            value,
            default=lambda one: loads(dumps(one)),
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        )
    except RecursionError:
        raise TypeError("the value is nested too deeply to be sent as JSON") from None
    return whole.encode()


def indented(value: object) -> str:
    """JSON for a person: two spaces a level."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _plain(value: Any) -> object:  # Any: probed for a method that gives what JSON holds
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "as_tuple"):
        return str(value)  # a Decimal, whose digits are all meant
    for method, arguments in _FORMS:
        form = getattr(value, method, None)
        if form is not None and not isinstance(value, type):
            return form(**arguments)
    raise TypeError(
        f"a {type(value).__name__} has no JSON form; return dict, list, str, bytes, a model or Response"
    )


# Time spans (in seconds), numpy's arrays and scalars, pydantic's models, Google's typed classes, named tuples.
_FORMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("total_seconds", {}), ("tolist", {}), ("model_dump", {"mode": "json"}), ("to_dict", {}), ("_asdict", {}),
)  # fmt: skip
