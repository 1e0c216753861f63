"""What can be said about a source without running it: its syntax, and which function it means.

It imports nothing; what only running shows is left to the framework's own check.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

import settings

DECORATORS = {"http", "cloud_event", "cloudevent", "typed"}
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def syntax(app: Path) -> None:
    """Compile every Python file.

    Raises:
        Failure: SyntaxError, with file and line.
    """
    for file in sorted(app.rglob("*.py")):
        if not file.is_file():
            continue
        try:
            compile(file.read_bytes(), str(file.relative_to(app)), "exec", dont_inherit=True)
        except SyntaxError as error:
            line = f":{error.lineno}" if error.lineno else ""  # a null byte has none
            place = f"{file.relative_to(app)}{line}"
            raise settings.Failure("SyntaxError", f"{place}: {error.msg}", error.text or "") from None
        except ValueError as error:
            raise settings.Failure("SyntaxError", f"{file.relative_to(app)}: {error}") from None


def target(source: Path, named: str) -> str:
    """The name of the function: the one that was named if the file can hold it, else the only one it can be.

    Raises:
        Failure: FunctionNotFound, with near matches.
    """
    tree = ast.parse(source.read_bytes())
    functions = [node.name for node in tree.body if isinstance(node, Named) and not node.name.startswith("_")]
    if not named:
        return _only(source, tree, functions)
    names, complete = defined(tree)
    if named in names or not complete:
        return named
    near = difflib.get_close_matches(named, functions, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it defines: {_list(functions)}."
    raise settings.Failure(
        "FunctionNotFound", f"{source.name} has no function {named!r}; {hint} FUNC_NAME names the function"
    )


def _only(source: Path, tree: ast.Module, functions: list[str]) -> str:
    decorated = [node.name for node in tree.body if isinstance(node, Named) and _is_declared(node)]
    for candidates in (decorated, [name for name in functions if name == "main"], functions):
        if len(candidates) == 1:
            return candidates[0]
    raise settings.Failure(
        "FunctionNotFound",
        f"FUNC_NAME is not set, and {source.name} does not tell which function is meant; "
        f"set FUNC_NAME to one of: {_list(decorated or functions)}",
    )


def _list(names: list[str]) -> str:
    return ", ".join(names[:8]) or "nothing"


def _is_declared(node: Named) -> bool:
    """Whether a decorator of a functions framework stands on it, such as @functions_framework.http."""
    for decorator in node.decorator_list:
        found = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = found.attr if isinstance(found, ast.Attribute) else getattr(found, "id", "")
        if name in DECORATORS:
            return True
    return False


def defined(tree: ast.Module) -> tuple[set[str], bool]:
    """Names a module defines at its top level, and whether that is all of them (a star import hides names)."""
    names: set[str] = set()
    complete = True
    for node in _top_level(tree):
        if isinstance(node, Named):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            complete = complete and not any(alias.name == "*" for alias in node.names)
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"globals", "setattr", "exec"}:
            complete = False
    return names, complete and "__getattr__" not in names


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that runs in the module's own scope: not what stands inside functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*Named.__args__, ast.Lambda)):
            yield from _top_level(child)
