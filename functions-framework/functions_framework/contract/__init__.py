"""Contracts of functions out of their annotations: OpenAPI 3.1, AsyncAPI 3, JSON Schema.

A document is made when it is first asked for; until then it costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, Final, Literal

from functions_framework import exits, jsons, response
from functions_framework.function import Function
from functions_framework.program import Endpoint, Program
from functions_framework.request import Request
from functions_framework.response import Answer

_log = logging.getLogger("functions_framework")
Kind = Literal["openapi", "asyncapi", "schema"]
KINDS: Final[tuple[Kind, ...]] = ("openapi", "asyncapi", "schema")
PLACE: Final = "/.well-known/openfunction/"


def document(kind: Kind, functions: Sequence[Function], environ: Mapping[str, str]) -> dict[str, Any]:
    """The contract of functions in an environment; raises InvalidContext.

    Args:
        kind: which document.
        functions: as the user wrote them, before what FUNC_CONTEXT adds.
        environ: where FUNC_CONTEXT and the revision's name stand.
    """
    from functions_framework.contract import subject  # noqa: PLC0415  # loaded when somebody asks

    make: Callable[[subject.Subject], dict[str, Any]] = import_module(f"{__name__}.{kind}").document
    return make(subject.of(functions, environ))


def endpoints(functions: Sequence[Function], environ: Mapping[str, str]) -> dict[bytes, Endpoint]:
    """The answers at the well-known places."""
    return {_place(kind): _endpoint(kind, functions, environ) for kind in KINDS}


def text(program: Program, kind: Kind) -> str:
    """The document of a loaded program as indented JSON; raises StartError InvalidFunction when it cannot be made."""
    status, _, body = program.endpoints[_place(kind)](Request("GET", _place(kind), (), b""))
    if status != 200:
        raise exits.StartError(
            "InvalidFunction",
            f"the annotations cannot be described as {kind}; the traceback above names the one",
        )
    return jsons.indented(jsons.loads(body))


def _place(kind: Kind) -> bytes:
    return f"{PLACE}{kind}.json".encode()


def _endpoint(kind: Kind, functions: Sequence[Function], environ: Mapping[str, str]) -> Endpoint:
    make = cache(partial(_answer, kind, functions, environ))

    def endpoint(_: Request) -> Answer:
        try:
            return make()
        except Exception:  # noqa: BLE001  # the user's annotations are evaluated; a request must be answered all the same
            _log.exception("The contract %s could not be made", kind)
            return response.plain(500, "The contract could not be made; the function's log says why.")

    return endpoint


def _answer(kind: Kind, functions: Sequence[Function], environ: Mapping[str, str]) -> Answer:
    return 200, response.JSON_TYPE, jsons.dumps(document(kind, functions, environ))
