"""JSON as functions meet it: orjson, with numpy values and non-string keys accepted on the way out.

It decides nothing about HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

loads: Callable[[bytes | bytearray | memoryview | str], Any] = orjson.loads
DecodeError = orjson.JSONDecodeError
_LENIENT = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def dumps(value: object) -> bytes:
    """Compact JSON of a function's result; raises TypeError for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Slower, so only for the results that need it.
        return orjson.dumps(value, default=_plain, option=_LENIENT)


def indented(value: object) -> str:
    """JSON for a person: two spaces a level."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _plain(value: Any) -> object:  # Any: probed for a method that gives what JSON holds
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode()
    for method, arguments in _FORMS:
        form = getattr(value, method, None)
        if form is not None and not isinstance(value, type):
            return form(**arguments)
    raise TypeError(
        f"a {type(value).__name__} has no JSON form; return dict, list, str, bytes, a model or Response"
    )


# numpy's arrays and scalars, pydantic's models, classes of Google's typed functions, named tuples
_FORMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tolist", {}), ("model_dump", {"mode": "json"}), ("to_dict", {}), ("_asdict", {}),
)  # fmt: skip
