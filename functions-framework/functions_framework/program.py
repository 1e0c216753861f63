"""Everything that one process serves: its functions, the framework's own endpoints, start and stop hooks.

A value with one question: which function answers this request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from functions_framework import routing
from functions_framework.function import Function
from functions_framework.request import Request
from functions_framework.response import Answer

Endpoint = Callable[[Request], Answer]  # on the loop, at once; for GET and HEAD
Hook = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Program:
    """What the loader made of the user's module.

    Attributes:
        functions: at least one; with several each has a path, or one without answers what the others do not.
        endpoints: answers of the framework itself by undecoded path, such as a contract or metrics.
        starts: run in order in the instance before it is ready.
        stops: run in order after the last answer.
    """

    functions: tuple[Function, ...]
    endpoints: Mapping[bytes, Endpoint] = field(default_factory=dict)
    starts: tuple[Hook, ...] = ()
    stops: tuple[Hook, ...] = ()

    @property
    def only(self) -> Function | None:
        """The one function that answers everything, where there is no choice to make."""
        first = self.functions[0]
        return first if len(self.functions) == 1 and not first.path and not first.methods else None

    @property
    def names(self) -> str:
        """The functions' names, for a person."""
        return ", ".join(function.name for function in self.functions)

    def router(self) -> Callable[[Request], Function]:
        """Finds the function of a request and notes its path variables; raises HttpError 404 or 405."""
        return routing.Router(self.functions).find
