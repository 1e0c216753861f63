"""Prints the part of requirements.lock that a user needs: the lock without the development tools."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = (
    "pyproject.toml",
    "functions-framework/pyproject.toml",
    "builder/pyproject.toml",
    "eventing/pyproject.toml",
)


def key(name: str) -> str:
    """The normalised name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted() -> set[str]:
    """Every distribution the four projects need to run, with what those need."""
    found: set[str] = set()
    queue = [
        requirement
        for project in PROJECTS
        for requirement in tomllib.loads((ROOT / project).read_text())["project"]["dependencies"]
    ]
    while queue:
        requirement = queue.pop()
        if "extra ==" in requirement:
            continue
        name = key(re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0])
        if name in found:
            continue
        found.add(name)
        try:
            queue += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> int:
    """Print the blocks of the lock whose package is wanted."""
    names = wanted()
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text()):
        if key(re.split(r"[=\s\[]", block, maxsplit=1)[0]) in names:
            print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
