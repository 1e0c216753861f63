"""Plugins in OpenFunction's way: classes whose objects live for one call and see each other.

It finds classes and makes hooks of them; it runs none.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from functions_framework import exits
from functions_framework.hooks import Hook, Stage
from functions_framework.invocation import Invocation
from functions_framework.plugins.example import PluginExample
from functions_framework.plugins.once import RunOnce

FOLDER = "plugins"
_METHODS: Mapping[Stage, str] = {"pre": "exec_pre_hook", "post": "exec_post_hook"}
_BUILT_IN: tuple[type[Any], ...] = (PluginExample, RunOnce)  # Any: a plugin has no base class
Classes = Mapping[str, type[Any]]


class Plugin:
    """A base that nobody has to use: each method that a class lacks does what this one does.

    `name` is what FUNC_CONTEXT calls the plugin, `version` is for people.
    """

    name = ""
    version = "v1"

    def init(self) -> Plugin | None:
        """Called once per call; what it returns, unless None, is the call's plugin."""
        return None

    def exec_pre_hook(self, ctx: Invocation, plugins: Mapping[str, Any]) -> Any:
        """Before the function; raises HttpError or returns an answer to reject the call."""

    def exec_post_hook(self, ctx: Invocation, plugins: Mapping[str, Any]) -> Any:
        """After the function; what it returns, unless None, is answered instead."""

    def get(self, field: str) -> Any:
        """What other plugins may read; None for an unknown field."""
        return getattr(self, field, None)


def discover(folder: Path) -> dict[str, type[Any]]:
    """The plugin classes by name: the built-in ones, and those in `plugins/` beside the function's file.

    A plugin is a class with a `name` and at least one of `exec_pre_hook` and `exec_post_hook`, in a file of
    that folder or in a folder below it with an `__init__.py`.

    Raises:
        StartError: ImportFailed for a file that cannot be imported, naming it.
    """
    found = {name_of(kind): kind for kind in _BUILT_IN}
    for module in _modules(folder / FOLDER):
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and _is_plugin(kind):
                found[name_of(kind)] = kind
    return found


def known(classes: Classes, *, stage: Stage) -> dict[str, Hook]:
    """The hooks of one stage that plugins offer; a class without the stage's method does nothing there."""
    return {name: _hook(name, kind, stage) for name, kind in classes.items()}


def makers(names: Sequence[str], classes: Classes) -> dict[str, Callable[[], Any]]:
    """What makes each call's plugins, one object per name for both stages."""
    return {name: functools.partial(_make, classes[name]) for name in dict.fromkeys(names) if name in classes}


def name_of(kind: type[Any]) -> str:
    """The plugin's name: an attribute `name` or `Name`, or what a method `name` returns."""
    value = getattr(kind, "name", None) or getattr(kind, "Name", None)
    if inspect.isfunction(value):
        value = value(kind())
    return value if isinstance(value, str) else ""


def _is_plugin(kind: type[Any]) -> bool:
    return any(hasattr(kind, method) for method in _METHODS.values()) and bool(name_of(kind))


def _make(kind: type[Any]) -> Any:
    made = kind()
    prepared = made.init() if hasattr(made, "init") else None
    return made if prepared is None else prepared


def _hook(name: str, kind: type[Any], stage: Stage) -> Hook:
    method = getattr(kind, _METHODS[stage], None)
    if method is None:
        return Hook(name, stage, lambda _: None)
    count = len(inspect.signature(method).parameters) - 1  # without self
    run = functools.partial(_run, name, _METHODS[stage], min(count, 2))
    return Hook(name, stage, run, inspect.iscoroutinefunction(method))


def _run(name: str, method: str, count: int, call: Invocation) -> Any:
    arguments = (call, call.plugins)[:count]
    return getattr(call.plugins[name], method)(*arguments)


def _modules(folder: Path) -> Iterator[Any]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.is_file() and file.suffix == ".py" and path.name != "__init__.py":
            yield _import(file, f"function_plugins_{path.stem.replace('-', '_')}")


def _import(file: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise exits.StartError(
            "ImportFailed", f"the plugin {file.name} cannot be imported; it is no Python file"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        where = f"{FOLDER}/{file.name}" if file.name != "__init__.py" else f"{FOLDER}/{file.parent.name}"
        raise exits.StartError("ImportFailed", f"{where}: {type(error).__name__}: {error}") from error
    return module
