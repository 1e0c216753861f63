"""Imports the user's file once and finds the functions in it.

It starts nothing; every failure is a StartError whose sentence says what to do.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from functions_framework import (
    contract,
    courtesies,
    exits,
    importdeadline,
    instrument,
    lifecycle,
    neighbours,
    registry,
    routing,
    signatures,
)
from functions_framework.program import Program
from functions_framework.registry import Signature
from functions_framework.settings import FunctionSettings
from functions_framework.signatures import frameworks

if TYPE_CHECKING:
    from functions_framework.context.runtime_context import RuntimeContext

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def load(
    settings: FunctionSettings,
    *,
    environ: Mapping[str, str] = os.environ,
    runtime: RuntimeContext | None = None,
) -> Program:
    """Import the source and return what it serves.

    Args:
        settings: which file and which function of it.
        environ: where FUNC_CONTEXT and what goes around a function are said.
        runtime: the context's runtime in a test; else the process's own.

    Raises:
        StartError: TwoFrameworks, SourceNotFound, SyntaxError, DependencyFailed, ImportFailed, ImportBlocked,
            FunctionNotFound, ArityMismatch or InvalidFunction; those of `compose`.
    """
    neighbours.refuse()
    source = _source(settings.source)
    if environ.get("LOG_EXECUTION_ID"):
        from functions_framework import execution  # noqa: PLC0415  # few instances are told to

        execution.install(environ)
    lifecycle.take()  # what another file noted in this process is not this one's
    with importdeadline.importing(source, settings.import_seconds):
        module = _import(source)
    lifecycle.keep_logging()
    around = instrument.Source(vars(module), os.path.dirname(source))
    named = _find(module, settings)
    made = compose(named, around, signature=settings.signature, environ=environ, runtime=runtime)
    return lifecycle.joined(made)


def compose(
    named: Iterable[tuple[str, Callable[..., Any]]],
    source: instrument.Source,
    *,
    signature: Signature = "http",
    environ: Mapping[str, str] = os.environ,
    runtime: RuntimeContext | None = None,
) -> Program:
    """The program of functions by name: each as its note says, with its context and what goes around it.

    Raises:
        StartError: of `signatures.adapt`, `routing.spread`, `context.program` and `instrument.instrumented`.
    """
    program = Program(
        routing.spread([
            signatures.adapt(name, call, frameworks.note_for(call, signature, environ)) for name, call in named
        ])
    )  # fmt: skip
    own = len(program.functions)
    program = replace(program, endpoints=courtesies.endpoints(program.functions))
    if any(frameworks.is_application(function.written) for function in program.functions):
        from functions_framework.signatures import application  # noqa: PLC0415  # few programs are one

        program = application.with_lifespan(program)
    if _has_context(program, environ):
        from functions_framework import context  # noqa: PLC0415  # few functions have one

        program = context.program(program, environ, runtime=runtime)
    # The user's own functions come first, now at the paths that the context gives them.
    told = contract.endpoints(program.functions[:own], environ)
    program = replace(program, endpoints={**program.endpoints, **told})
    program = instrument.instrumented(program, source, environ)
    if environ.get("LOG_EXECUTION_ID"):
        from functions_framework import execution  # noqa: PLC0415  # as above

        return execution.labelled(program, environ)
    return program


def _has_context(program: Program, environ: Mapping[str, str]) -> bool:
    told = environ.get("FUNC_CONTEXT") or environ.get("FUNC_CONTEXT_V1BETA2")
    return bool(told) or any(function.signature == "openfunction" for function in program.functions)


def _source(given: str | os.PathLike[str]) -> str:
    path = os.fspath(given)
    source = os.path.join(path, "main.py") if os.path.isdir(path) else path
    if not os.path.isfile(source):
        raise exits.StartError(
            "SourceNotFound",
            f"there is no file {source!r}; name the function's file with --source or FUNCTION_SOURCE",
        )
    return os.path.realpath(source)


def _import(source: str) -> ModuleType:
    name, folder = _module_name(source), os.path.dirname(source)
    loader = importlib.machinery.SourceFileLoader(name, source)
    # With places to search it is a package too, so that `from .other import name` finds what lies beside it.
    spec = importlib.util.spec_from_file_location(
        name, source, loader=loader, submodule_search_locations=[folder]
    )
    if spec is None:
        raise exits.StartError("SourceNotFound", f"{source!r} cannot be imported; name a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with frameworks.importing(module):
            loader.exec_module(module)
    except SystemExit as error:
        raise exits.StartError(
            "ImportFailed", f"importing {os.path.basename(source)} ended the process with exit code {error.code}; "
            'keep what starts a program under `if __name__ == "__main__":`'
        ) from error  # fmt: skip
    except Exception as error:
        raise _failure(source, error) from error
    return module


def _module_name(source: str) -> str:
    """The file's stem, as other modules of the user import it; prefixed when that would shadow a module in use."""
    stem = os.path.splitext(os.path.basename(source))[0]
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
    return f"function_{stem}" if taken else stem


def _failure(source: str, error: Exception) -> exits.StartError:
    where = _where(source, error)
    if isinstance(error, SyntaxError):
        file = os.path.basename(error.filename or source)
        line = f" line {error.lineno}" if error.lineno else ""  # a null byte has none
        text = f" in `{error.text.strip()}`" if error.text else ""
        return exits.StartError("SyntaxError", f"{file}{line}: {error.msg}{text}")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return exits.StartError(
            "DependencyFailed",
            f"{where}: the module {error.name!r} is not installed; add its package to requirements.txt",
        )
    return exits.StartError("ImportFailed", f"{where}: {type(error).__name__}: {error}")


def _where(source: str, error: Exception) -> str:
    """File and line of the user's code that was running, else the source."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.dirname(frame.filename) == os.path.dirname(source)
    ]
    return (
        f"{os.path.basename(frames[-1].filename)} line {frames[-1].lineno}"
        if frames
        else os.path.basename(source)
    )


def _find(module: ModuleType, settings: FunctionSettings) -> list[tuple[str, Callable[..., Any]]]:
    """The named function; without a name every decorated one, else the plain one of the default's name."""
    decorated = _decorated(module)
    if decorated and not settings.named:
        return list(decorated.items())
    if settings.target in decorated:
        return [(settings.target, decorated[settings.target])]
    found = getattr(module, settings.target, None)
    if callable(found):
        return [(settings.target, found)]
    if found is not None:
        raise exits.StartError(
            "FunctionNotFound",
            f"{settings.target!r} in {os.path.basename(settings.source)} is a {type(found).__name__}; name a function",
        )
    raise exits.StartError("FunctionNotFound", _not_found(module, settings))


def _decorated(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The declared functions by name; an alias of one is the same function."""
    found: dict[str, Callable[..., Any]] = {}
    for own_name, value in vars(module).items():
        note = registry.note_of(value) if callable(value) else None
        if note is None or any(value is known for known in found.values()):
            continue
        name = note.name or own_name
        _check_name(name, found)
        found[name] = value
    return found


def _check_name(name: str, known: Mapping[str, object]) -> None:
    if not _NAME.fullmatch(name):
        raise exits.StartError(
            "InvalidFunction",
            f"{name!r} is no name for a function; use a letter and up to 62 letters, digits, - and _, as name=",
        )
    if name in known:
        raise exits.StartError(
            "InvalidFunction", f"two functions are called {name!r}; give one another name="
        )


def _not_found(module: ModuleType, settings: FunctionSettings) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    import difflib  # noqa: PLC0415  # for this sentence alone

    near = difflib.get_close_matches(settings.target, own, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, own[:5])) or 'none'}"
    return (
        f"{os.path.basename(settings.source)} has no function {settings.target!r}; {hint}; "
        "name the function with --target or FUNCTION_TARGET"
    )
