"""Writing the TOML that lifecycle and buildpacks exchange; the standard library only reads it.

It knows tables, arrays, texts, numbers and truth values; dates are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dump(document: Mapping[str, Any]) -> str:
    """A document as TOML: values first, then each table under its own heading."""
    return "".join(f"{key(name)} = {value(found)}\n" for name, found in document.items())


def key(name: str) -> str:
    """A key, quoted."""
    return text(name)


def value(found: Any) -> str:
    """A value in one line; tables become inline tables."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return repr(found)
    if isinstance(found, str):
        return text(found)
    if isinstance(found, Mapping):
        return "{" + ", ".join(f"{key(name)} = {value(one)}" for name, one in found.items()) + "}"
    if isinstance(found, list | tuple):
        return "[" + ", ".join(value(one) for one in found) + "]"
    raise TypeError(f"{type(found).__name__} cannot be written as TOML")


def text(found: str) -> str:
    """A basic string."""
    escaped = "".join(
        one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08x}" for one in found
    )
    return f'"{escaped}"'
