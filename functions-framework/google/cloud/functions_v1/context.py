"""The type that legacy background functions name for their second parameter, where Google's package has it."""

from functions_framework.legacy import Context

__all__ = ["Context"]
