"""What can be said about a source without running it: its syntax, and whether it holds the function."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import settings


def syntax(app: Path) -> None:
    """Compile every Python file.

    Raises:
        Failure: SyntaxError, with file and line.
    """
    for file in sorted(app.rglob("*.py")):
        try:
            compile(file.read_bytes(), str(file.relative_to(app)), "exec", dont_inherit=True)
        except SyntaxError as error:
            place = f"{file.relative_to(app)}:{error.lineno}"
            raise settings.Failure("SyntaxError", f"{place}: {error.msg}", error.text or "") from None
        except ValueError as error:
            raise settings.Failure("SyntaxError", f"{file.relative_to(app)}: {error}") from None


def function(source: Path, found: settings.Settings) -> None:
    """Look the function up among the names a file defines.

    Raises:
        Failure: FunctionNotFound, with near matches.
    """
    names, complete = defined(ast.parse(source.read_bytes()))
    if found.target in names or not complete:
        return
    functions = sorted(name for name in names if not name.startswith("_"))
    near = difflib.get_close_matches(found.target, functions, n=3, cutoff=0.5) or functions[:5]
    said = "FUNC_NAME names it" if found.named else "no FUNC_NAME is set, so the function is main"
    raise settings.Failure(
        "FunctionNotFound",
        f"{source.name} has no function {found.target!r} ({said}); it defines: {', '.join(near) or 'nothing'}",
    )


def defined(tree: ast.Module) -> tuple[set[str], bool]:
    """Names of a module, and whether that is all of them (a star import hides names)."""
    names: set[str] = set()
    complete = True
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            complete = complete and not any(alias.name == "*" for alias in node.names)
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names, complete
