"""What a function's file imports from its dependency layer, and the importing of it ahead of the function.

It reads the file's text and runs none of it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path

_OURS = "functions_framework"


def learn(source: Path, layer: Path) -> list[str]:
    """The modules that the file imports when it is imported, as far as this folder has them; sorted.

    A file that cannot be read or parsed teaches nothing: who imports it says what is wrong.
    """
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    names = {name for name in _imported(tree) if name.partition(".")[0] != _OURS}
    return sorted(name for name in names if PathFinder.find_spec(name.partition(".")[0], [str(layer)]))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Names of modules in import statements, but for those inside functions, which run later or never."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imported(node)


def import_all(names: Iterable[str]) -> list[str]:
    """Import these; returns a sentence for each that could not be, whose function will say so itself."""
    failed = []
    for name in names:
        try:
            import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a package may raise anything
            failed.append(f"{name}: {type(error).__name__}: {error}")
    return failed


def source_of(path: Path) -> Path:
    """The file of a function's source setting, which may name its folder."""
    return path / "main.py" if path.is_dir() else path


def use_path(previous: str, wanted: str) -> None:
    """Let imports look where this PYTHONPATH says instead of where the previous one said."""
    old, new = _entries(previous), _entries(wanted)
    rest = [entry for entry in sys.path if entry not in old and entry not in new]
    at = next((place for place, entry in enumerate(sys.path) if entry in old), 0)
    sys.path[:] = [*rest[:at], *new, *rest[at:]]


def _entries(path: str) -> list[str]:
    return [entry for entry in path.split(":") if entry]
