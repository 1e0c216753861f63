"""Everything that one process serves: its functions, the framework's own endpoints, start and stop hooks.

A value with one question: which function answers this request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from functions_framework import routing
from functions_framework.function import Function
from functions_framework.record import dataclass
from functions_framework.request import Request
from functions_framework.response import Answer

Endpoint = Callable[[Request], Answer]  # on the loop, at once; for GET and HEAD
Hook = Callable[[], Awaitable[None] | None]
Second = Callable[[Callable[[Any], None]], asyncio.BaseProtocol]
"""Makes the protocol of a connection, given what begins an exchange."""


@dataclass(frozen=True, slots=True)
class Program:
    """What the loader made of the user's module.

    Attributes:
        functions: at least one; with several each has a path, or one without answers what the others do not.
        endpoints: answers of the framework itself by undecoded path, such as a contract or metrics.
        starts: run in order in the instance before it is ready.
        stops: run in order after the last answer.
        checks: each says why the instance is not ready; an empty text when it is.
        second: takes over the connections that open with HTTP/2, such as a sidecar's over gRPC; None: the server's own.
    """

    functions: tuple[Function, ...]
    endpoints: Mapping[bytes, Endpoint] = MappingProxyType({})
    starts: tuple[Hook, ...] = ()
    stops: tuple[Hook, ...] = ()
    checks: tuple[Callable[[], str], ...] = ()
    second: Second | None = None

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
