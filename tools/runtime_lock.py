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


def extras(requirement: str) -> set[str]:
    """The extras that a requirement asks of its distribution."""
    found = re.match(r"[^\[;]*\[([^\]]*)\]", requirement)
    return {one.strip() for one in found[1].split(",")} if found else set()


def applies(requirement: str, asked: set[str]) -> bool:
    """Whether a requirement counts when these extras were asked for."""
    extra = re.search(r"extra == [\"']([^\"']+)", requirement)
    return extra is None or extra[1] in asked


def wanted() -> set[str]:
    """Every distribution the four projects need to run, with what those need."""
    seen: set[tuple[str, str]] = set()
    queue = [
        requirement
        for project in PROJECTS
        for requirement in tomllib.loads((ROOT / project).read_text())["project"]["dependencies"]
    ]
    while queue:
        requirement = queue.pop()
        name = key(re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0])
        for extra in sorted({"", *extras(requirement)}):
            if (name, extra) not in seen:
                seen.add((name, extra))
                queue += [one for one in _required_by(name) if applies(one, {extra} - {""})]
    return {name for name, _ in seen}


def _required_by(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def main() -> int:
    """Print the blocks of the lock whose package is wanted."""
    names = wanted()
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text()):
        if key(re.split(r"[=\s\[]", block, maxsplit=1)[0]) in names:
            print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
