"""Protobuf's own messages, which have no types: this module is where that ends."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2, json_format  # type: ignore[import-untyped]  # the package has no types

Empty: Any = empty_pb2.Empty


def fill(message: Any, values: dict[str, Any]) -> None:
    """Set a Struct to JSON values."""
    json_format.ParseDict(values, message)
