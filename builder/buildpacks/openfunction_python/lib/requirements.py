"""What a source asks for: lines of requirements.txt with the files it includes, or pyproject.toml's dependencies.

It resolves nothing; what asks for a functions framework is kept apart, because ours is the one that comes.
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
import standin

OURS = standin.OURS
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=)?(\S+)")
_CONSTRAINT = re.compile(r"(?:-c|--constraint)(?:\s+|=)?(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)?(\S.*)")
# A framework's name where a URL or a path ends in it: a repository, an archive, a wheel, or what follows `egg=`.
_PLACE = re.compile(
    r"(?:^|[/=])((?:ofn[-_.])?functions[-_.]framework)(?:-python)?(?:\.git|-[0-9][^/\s]*)?(?:[@#;\s\[&?]|$)",
    re.IGNORECASE,
)
# Packages that published frameworks bring along, so that code imports them and asks for none.
_BROUGHT = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+(flask|werkzeug|cloudevents|starlette|functions_framework(?:\.| import )aio)\b",
    re.MULTILINE,
)
_NAMED_BY = {"werkzeug": "flask", "starlette": "fastapi"}  # the requirement that brings it as well


@dataclass
class Wanted:
    """What a source asks for, and whether a line names a folder of the source.

    `lines` are requirements in the order of the source; `frameworks` are those that ours satisfies, of any version.
    """

    lines: list[str] = field(default_factory=list)
    frameworks: list[str] = field(default_factory=list)
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
    _add_brought(app, found)
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
            limits = _logical_lines(_text(app, _beside(folder, constraint[1])))
            found.constraints += [limit for limit in limits if not _framework(limit)]
        else:
            _add(line, found)


def _add(line: str, found: Wanted) -> None:
    if editable := _EDITABLE.fullmatch(line):
        line = editable[1]
    if name := _framework(line):
        print(f"the requirement {line!r} is satisfied by {OURS}, which comes with this build")
        found.frameworks.append(_any_version(name, line))
        return
    found.local = found.local or line.startswith((".", "/")) or "file:" in line
    found.lines.append(line)


def _add_brought(app: Path, found: Wanted) -> None:
    """What the source imports and no requirement names comes with our framework, as it does with the others."""
    if any(name in standin.EXTRAS for name in map(_name, found.frameworks)):
        return
    sources = (file.read_bytes() for file in app.rglob("*.py") if file.is_file())
    used = {_package(name.decode()) for source in sources for name in _BROUGHT.findall(source)}
    named = {_name(line) for line in found.lines}
    if missing := sorted(name for name in used - named if _NAMED_BY.get(name) not in named):
        print(
            f"the source imports {' and '.join(missing)}, which no requirement names; {OURS}[google] brings it"
        )
        found.frameworks.append(f"{OURS}[google]")


def _package(imported: str) -> str:
    """`functions_framework.aio` hands out Starlette's requests."""
    return "starlette" if imported.startswith("functions_framework") else imported


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


def _framework(line: str) -> str:
    """The framework that a line asks for, by name or by a place that ends in it; empty for any other."""
    name = _name(line)
    if name in standin.EXTRAS or name == OURS:
        return name
    place = _PLACE.search(line) if _is_place(name, line) else None
    return re.sub(r"[-_.]+", "-", place[1]).lower() if place else ""


def _is_place(name: str, line: str) -> bool:
    """A requirement without a name: a URL or a path."""
    return not name or "/" in name or ":" in name or "/" in line.split("@", 1)[0]


def _any_version(name: str, line: str) -> str:
    """The requirement without version, place and hashes; extras only of ours, since each framework has its own."""
    kept = re.split(r"\s--", line, maxsplit=1)[0]
    extras = re.match(r"[\w.-]+\s*(\[[^\]]*\])", kept) if name == OURS else None
    condition = re.split(r"\s;" if "://" in kept else ";", kept, maxsplit=1)[1:]  # a URL may hold a semicolon
    return f"{name}{extras[1] if extras else ''}{''.join(f' ; {each.strip()}' for each in condition)}"


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[(@]", line, maxsplit=1)[0]).lower()
