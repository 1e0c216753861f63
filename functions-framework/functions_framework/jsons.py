"""JSON as functions meet it: orjson, with numpy values and non-string keys accepted on the way out.

It decides nothing about HTTP.
"""

from __future__ import annotations

from typing import Any

import orjson

loads = orjson.loads
DecodeError = orjson.JSONDecodeError
_LENIENT = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def dumps(value: object) -> bytes:
    """Compact JSON of a function's result; raises TypeError for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Slower, so only for the results that need it.
        return orjson.dumps(value, default=_plain, option=_LENIENT)


def _plain(value: Any) -> object:  # Any: probed for the method that numpy scalars and arrays have
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode()
    tolist = getattr(value, "tolist", None)
    if tolist is None:
        raise TypeError(
            f"a {type(value).__name__} has no JSON form; return dict, list, str, bytes or Response"
        )
    return tolist()
