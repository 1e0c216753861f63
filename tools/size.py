"""The size budget: prints figures per package and refuses files, functions and arguments above it.

Exceptions stand in the file itself, as a line `# size: <reason>`, so that the reason is read where it applies.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "openfunction_py",
    "functions-framework/functions_framework",
    "builder/openfunction_builder",
    "builder/buildpacks",
    "eventing/openfunction_eventing",
)
FILE_LINES = 500
FUNCTION_LINES = 50


@dataclass(frozen=True, slots=True)
class Figures:
    """Line counts of one file: the file's and each function's."""

    path: Path
    lines: int
    functions: tuple[tuple[str, int, int], ...]
    excused: bool


def measure(path: Path) -> Figures:
    """Count the lines of a file and of every function in it."""
    text = path.read_text()
    tree = ast.parse(text)
    functions = tuple(
        (node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return Figures(path.relative_to(ROOT), text.count("\n"), functions, "\n# size: " in text)


def over_budget(figures: Figures) -> list[str]:
    """Sentences for what stands above the budget in one file."""
    if figures.excused:
        return []
    found = []
    if figures.lines > FILE_LINES:
        found.append(f"{figures.path}: {figures.lines} lines, budget {FILE_LINES}")
    for name, line, length in figures.functions:
        if length > FUNCTION_LINES:
            found.append(f"{figures.path}:{line}: {name} has {length} lines, budget {FUNCTION_LINES}")
    return found


def percentile(values: list[int], share: float) -> int:
    """The value below which the given share of the values lies; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def main(arguments: list[str]) -> int:
    """Measure every package; 1 when something is above the budget."""
    problems: list[str] = []
    for package in PACKAGES:
        files = [measure(path) for path in sorted((ROOT / package).rglob("*.py"))]
        problems += [line for figures in files for line in over_budget(figures)]
        lengths = [length for figures in files for _, _, length in figures.functions]
        if "--verbose" in arguments:
            print(
                f"{package}: {len(files)} files, {sum(f.lines for f in files)} lines, "
                f"functions median {percentile(lengths, 0.5)} p95 {percentile(lengths, 0.95)}"
            )
    for problem in problems:
        print(problem)
    print(f"size: {'ok' if not problems else f'{len(problems)} above the budget'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
