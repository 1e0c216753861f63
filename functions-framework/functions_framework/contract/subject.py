"""What a contract describes: each function with its surface, where it is reached, and the context it runs in."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from functions_framework import routing
from functions_framework.context import document
from functions_framework.context.document import Context
from functions_framework.contract import eventtype
from functions_framework.contract.eventtype import EventType
from functions_framework.function import Function
from functions_framework.signatures import parameters
from functions_framework.signatures.parameters import Surface

_NO_VERSION = "0"
_REQUEST = Surface((parameters.Parameter("request", "request", parameters.UNKNOWN),), parameters.UNKNOWN)
_EVENT = Surface((parameters.Parameter("event", "cloudevent", parameters.UNKNOWN),), parameters.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Described:
    """One function as others see it.

    Attributes:
        function: how it is served.
        surface: what it takes and gives.
        summary: the first line of its docstring.
        description: the rest.
        takes: what is known of the events that it is called with.
    """

    function: Function
    surface: Surface
    summary: str = ""
    description: str = ""
    takes: EventType | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.function.name

    @property
    def path(self) -> str:
        """Its path as OpenAPI writes templates: variables without expressions; `/` where it answers every path."""
        return routing.plain(self.function.path) or "/"

    @property
    def variables(self) -> dict[str, str]:
        """The expression of each path variable; empty for one segment of any text."""
        return routing.expressions(self.function.path)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it is described with; of one that answers every method, the usual ones."""
        if self.function.methods:
            return tuple(sorted(self.function.methods))
        takes_body = self.surface.body is not None or bool(self.surface.of("cloudevent"))
        return ("POST",) if takes_body else ("GET", "POST")

    @property
    def takes_event(self) -> bool:
        """It is called with CloudEvents."""
        return bool(self.surface.of("cloudevent"))


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that a document is about.

    Attributes:
        functions: those that callers reach over HTTP.
        title: what the whole is called.
        version: of the functions; "0" where nobody says.
        context: topics and bindings; None without FUNC_CONTEXT.
    """

    functions: Sequence[Described]
    title: str
    version: str = _NO_VERSION
    context: Context | None = None


def of(functions: Iterable[Function], environ: Mapping[str, str]) -> Subject:
    """The subject of a program's own functions, in this environment; raises InvalidContext."""
    context = document.from_environ(environ)
    served = [described(one) for one in functions if one.written is not None]
    named = (context.name if context else "") or environ.get("K_SERVICE", "")
    version = (context.version if context else "") or environ.get("K_REVISION", "")
    return Subject(
        functions=served if context is None or context.http else (),
        title=named or ", ".join(one.name for one in served) or "function",
        version=version or _NO_VERSION,
        context=context,
    )


def described(function: Function) -> Described:
    """A function with what its annotations and docstring say."""
    text = (inspect.getdoc(function.written) or "") if inspect.isroutine(function.written) else ""
    first, _, rest = text.partition("\n")
    hints = parameters.hints_of(function.written) if function.written is not None else {}
    takes = next((found for hint in hints.values() if (found := eventtype.of(hint)) is not None), None)
    return Described(function, surface(function), first.strip(), rest.strip(), takes)


def surface(function: Function) -> Surface:
    """What a function takes and gives; of a drop-in signature, whose parameters say nothing, its kind."""
    written = function.written
    assert written is not None  # noqa: S101  # only what a user wrote is described
    result = parameters.hints_of(written).get("return", parameters.UNKNOWN)
    if function.signature in {"cloudevent", "event"}:
        return Surface(_EVENT.parameters, result)
    if function.signature == "typed":
        return parameters.describe(written, function.path)
    return Surface(_REQUEST.parameters, result)
