"""The errors of Google's framework under its names, for code that catches them; all are this framework's own."""

from __future__ import annotations

from functions_framework.errors import BadRequest, FrameworkError
from functions_framework.exits import StartError

FunctionsFrameworkException = FrameworkError
InvalidConfigurationException = StartError
InvalidTargetTypeException = StartError
MissingSourceException = StartError
MissingTargetException = StartError
EventConversionException = BadRequest

__all__ = [
    "EventConversionException",
    "FunctionsFrameworkException",
    "InvalidConfigurationException",
    "InvalidTargetTypeException",
    "MissingSourceException",
    "MissingTargetException",
]
