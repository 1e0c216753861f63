"""What a source asks for: lines of requirements.txt with the files it includes, or pyproject.toml's dependencies.

It resolves nothing; what asks for a functions framework is left out here, because ours is always there.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import settings

OURS = "openfunction-functions-framework"
# Published frameworks install files of the same names as ours, so both together would be a mixture.
SATISFIED = {"functions-framework", "ofn-functions-framework", OURS}
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=)?(\S+)")
_CONSTRAINT = re.compile(r"(?:-c|--constraint)(?:\s+|=)?(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)?(\S.*)")


@dataclass
class Wanted:
    """Requirement lines in the order of the source, constraint lines, and whether one names a folder of the source."""

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    local: bool = False


def read(app: Path) -> Wanted:
    """What the source asks for.

    Raises:
        Failure: DependencyFailed, a file that is included is missing; BuilderUnsupported, only poetry can read it.
    """
    found = Wanted()
    if (app / "requirements.txt").is_file():
        if _project(app).get("project", {}).get("dependencies"):
            print("requirements.txt counts; the dependencies of pyproject.toml are not read beside it")
        _read_file(app, "requirements.txt", found, seen=set())
    else:
        _read_project(app, found)
    return found


def steps(app: Path) -> list[str]:
    """Commands of [tool.openfunction] build-steps.

    Raises:
        Failure: BuildStepFailed, they are no list of texts.
    """
    found = _project(app).get("tool", {}).get("openfunction", {}).get("build-steps", [])
    if not isinstance(found, list) or not all(isinstance(step, str) and step.strip() for step in found):
        raise settings.Failure(
            "BuildStepFailed",
            'build-steps in pyproject.toml is no list of commands; write build-steps = ["python train.py"]',
        )
    return found


def _read_file(app: Path, name: str, found: Wanted, *, seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    folder = str(Path(name).parent)
    for line in _logical_lines(_text(app, name)):
        if included := _INCLUDE.fullmatch(line):
            _read_file(app, _beside(folder, included[1]), found, seen=seen)
        elif constraint := _CONSTRAINT.fullmatch(line):
            found.constraints += _logical_lines(_text(app, _beside(folder, constraint[1])))
        else:
            _add(line, found)


def _add(line: str, found: Wanted) -> None:
    if editable := _EDITABLE.fullmatch(line):
        line = editable[1]
    if _name(line) in SATISFIED:
        print(f"the requirement {line!r} is satisfied by {OURS}, which comes with this build")
        return
    found.local = found.local or line.startswith((".", "/")) or "file:" in line
    found.lines.append(line)


def _read_project(app: Path, found: Wanted) -> None:
    document = _project(app)
    project = document.get("project")
    if project is None and document.get("tool", {}).get("poetry", {}).get("dependencies"):
        raise settings.Failure(
            "BuilderUnsupported",
            "pyproject.toml has dependencies that only poetry reads; move them to [project] dependencies, or write "
            "them to requirements.txt with `poetry export`",
        )
    for line in (project or {}).get("dependencies", []):
        _add(str(line).strip(), found)


def _project(app: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((app / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise settings.Failure("SyntaxError", f"pyproject.toml: {error}") from error


def _text(app: Path, name: str) -> str:
    path = app / name
    if not path.is_file() or not path.resolve().is_relative_to(app.resolve()):
        raise settings.Failure(
            "DependencyFailed", f"the requirements include {name}, which is not in the source"
        )
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _beside(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name))


def _logical_lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if kept := re.sub(r"(^|\s)#.*$", "", line).strip():
            yield kept


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[(@]", line, maxsplit=1)[0]).lower()
