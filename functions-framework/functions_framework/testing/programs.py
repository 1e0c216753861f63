"""Programs for a test: of a file, or of functions at hand; with a context, and a fake sidecar in the real one's place.

It starts nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions_framework import instrument, jsons, loader, registry, settings
from functions_framework.context import document
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.dapr import apphttp
from functions_framework.dapr.port import Port
from functions_framework.program import Program
from functions_framework.registry import Note, Signature

Context = Mapping[str, Any] | str
"""FUNC_CONTEXT of either shape, as a document or as its text."""


def environment(environ: Mapping[str, str] | None, context: Context | None) -> dict[str, str]:
    """The process's environment with what a test adds; a context given takes the place of any other."""
    made = {**os.environ, **(environ or {}), "APP_PROTOCOL": "http"}
    if context is not None:
        made.pop(document.V1BETA2, None)
        made[document.V1BETA1] = context if isinstance(context, str) else jsons.dumps(context).decode()
    return made


def runtime(environ: Mapping[str, str], port: Port) -> RuntimeContext:
    """The runtime whose sidecar is this port; raises InvalidContext."""
    return RuntimeContext(document.from_environ(environ), environ=environ, port=port)


def of_functions(
    functions: Sequence[Callable[..., Any]],
    *,
    signature: Signature,
    environ: Mapping[str, str],
    runtime: RuntimeContext,
) -> Program:
    """The program of functions at hand, with the hooks of the module that holds the first."""
    module = sys.modules.get(getattr(functions[0], "__module__", ""))
    file = getattr(module, "__file__", None)
    source = instrument.Source(vars(module) if module else {}, Path(file).parent if file else Path())
    named = [(_name(one), one) for one in functions]
    return loader.compose(named, source, signature=signature, environ=environ, runtime=runtime)


def of_file(
    path: Path,
    target: str,
    *,
    signature: Signature | None,
    environ: Mapping[str, str],
    runtime: RuntimeContext,
) -> Program:
    """The program of a file, imported anew; raises StartError as serving it would."""
    given = {"FUNCTION_SOURCE": str(path), "FUNCTION_TARGET": target, "FUNCTION_SIGNATURE_TYPE": signature}
    chosen = settings.function_settings(
        {**environ, **{name: value for name, value in given.items() if value}}
    )
    return loader.load(chosen, environ=environ, runtime=runtime)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a sidecar knows of the function it stands beside.

    Attributes:
        known: component and topic of each input by its name in the context.
        token: what it sends with each delivery; empty for none.
    """

    known: Mapping[str, tuple[str, str]]
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of each delivery."""
        return {apphttp.TOKEN: self.token} if self.token else {}


def inputs(runtime: RuntimeContext) -> Inputs:
    """What the sidecar of this runtime knows."""
    known = {name: (one.component, one.topic) for name, one in runtime.inputs.items()}
    return Inputs(known, runtime.sidecar.app_token)


def _name(function: Callable[..., Any]) -> str:
    note: Note | None = registry.note_of(function)
    return (note.name if note else "") or getattr(function, "__name__", type(function).__name__)
