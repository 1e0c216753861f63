"""Imports the user's file once and finds the functions in it.

It starts nothing; every failure is a StartError whose sentence says what to do.
"""

from __future__ import annotations

import difflib
import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from functions_framework import exits, registry, signatures
from functions_framework.program import Program
from functions_framework.registry import Note
from functions_framework.settings import FunctionSettings


def load(settings: FunctionSettings) -> Program:
    """Import the source and return what it serves.

    Raises:
        StartError: SourceNotFound, SyntaxError, DependencyFailed, ImportFailed or FunctionNotFound.
    """
    module = _import(_source(settings.source))
    return Program(
        tuple(
            signatures.adapt(name, call, registry.note_of(call) or Note(settings.signature))
            for name, call in _find(module, settings)
        )
    )


def _source(path: Path) -> Path:
    source = path / "main.py" if path.is_dir() else path
    if not source.is_file():
        raise exits.StartError(
            "SourceNotFound",
            f"there is no file {str(source)!r}; name the function's file with --source or FUNCTION_SOURCE",
        )
    return source.resolve()


def _import(source: Path) -> ModuleType:
    name = _module_name(source)
    loader = importlib.machinery.SourceFileLoader(name, str(source))
    spec = importlib.util.spec_from_file_location(name, source, loader=loader)
    if spec is None:
        raise exits.StartError("SourceNotFound", f"{str(source)!r} cannot be imported; name a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(source.parent) not in sys.path:
        sys.path.insert(0, str(source.parent))
    try:
        loader.exec_module(module)
    except SystemExit as error:
        raise exits.StartError(
            "ImportFailed", f"importing {source.name} ended the process with exit code {error.code}; "
            'keep what starts a program under `if __name__ == "__main__":`'
        ) from error  # fmt: skip
    except Exception as error:
        raise _failure(source, error) from error
    return module


def _module_name(source: Path) -> str:
    """The file's stem, as other modules of the user import it; prefixed when that would shadow a module in use."""
    stem = source.stem
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier()
    return f"function_{stem}" if taken else stem


def _failure(source: Path, error: Exception) -> exits.StartError:
    where = _where(source, error)
    if isinstance(error, SyntaxError):
        file = Path(error.filename).name if error.filename else source.name
        text = f" in `{error.text.strip()}`" if error.text else ""
        return exits.StartError("SyntaxError", f"{file} line {error.lineno}: {error.msg}{text}")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return exits.StartError(
            "DependencyFailed",
            f"{where}: the module {error.name!r} is not installed; add its package to requirements.txt",
        )
    return exits.StartError("ImportFailed", f"{where}: {type(error).__name__}: {error}")


def _where(source: Path, error: Exception) -> str:
    """File and line of the user's code that was running, else the source."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == source.parent
    ]
    return f"{Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else source.name


def _find(module: ModuleType, settings: FunctionSettings) -> list[tuple[str, Callable[..., Any]]]:
    """The named function; without a name every decorated one, else the plain one of the default's name."""
    decorated = {
        note.name or name: value
        for name, value in vars(module).items()
        if callable(value) and (note := registry.note_of(value)) is not None
    }
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
            f"{settings.target!r} in {settings.source.name} is a {type(found).__name__}; name a function",
        )
    raise exits.StartError("FunctionNotFound", _not_found(module, settings))


def _not_found(module: ModuleType, settings: FunctionSettings) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    near = difflib.get_close_matches(settings.target, own, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, own[:5])) or 'none'}"
    return (
        f"{settings.source.name} has no function {settings.target!r}; {hint} "
        "Name the function with --target or FUNCTION_TARGET"
    )
