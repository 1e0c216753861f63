"""The tables of docs/framework.md are those of the code: flags, variables with their defaults, exit codes."""

from __future__ import annotations

import ast
import dataclasses
import re
import tomllib
from typing import Any

import pytest

from functions_framework import exits, flags, settings
from functions_framework.dapr import settings as sidecar
from tests.docs import pages

PAGE = "docs/framework.md"
PACKAGE = pages.ROOT / "functions-framework/functions_framework"
VARIABLE = re.compile(
    r"(OFN|FUNC|FUNCTION|GOOGLE_FUNCTION|DAPR|APP|POD|K|OTEL|SW_AGENT|LOG|TEST|CONTEXT|LISTEN)_[A-Z0-9_]+"
    r"|HOST|PORT|DEBUG|DRY_RUN"
)
FLAGS = pages.rows(PAGE, "## Flags")
SETTINGS = pages.rows(PAGE, "## Settings")


def words(cell: str) -> list[str]:
    """What a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def read() -> set[str]:
    """The variables that the code names."""
    nodes = (node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if VARIABLE.fullmatch(text)}


def section(heading: str) -> str:
    """The text under a heading."""
    return (pages.ROOT / PAGE).read_text().split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_variables_of_the_page_are_those_of_the_code() -> None:
    told = {word for heading in ("## Flags", "## Settings") for word in words(section(heading))}
    assert {word for word in told if VARIABLE.fullmatch(word)} == read()


def test_the_flags_of_the_page_are_those_of_the_command() -> None:
    actions = [action for action in flags.parser()._actions if action.dest != "help"]
    assert [words(flag) for flag, *_ in FLAGS] == [list(action.option_strings) for action in actions]
    for (_, variable, *_), action in zip(FLAGS, actions, strict=True):
        assert all(word in (action.help or "") for word in words(variable)), action.option_strings


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """The fields of a value and of the values in it."""
    if not dataclasses.is_dataclass(value):
        return {name: value}
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        found |= flat(getattr(value, field.name), f"{name}.{field.name}")
    return found


def everything(environ: dict[str, str]) -> dict[str, Any]:
    """All that the settings read out of an environment."""
    return {
        **flat(settings.instance_settings(environ), "instance"),
        **flat(settings.function_settings(environ), "function"),
        **flat(sidecar.from_environ(environ), "sidecar"),
        **flat(settings.typed_bytes(environ), "typed"),
    }


NUMBERS = [
    (words(variable)[0], float(default))
    for variable, default in [(row[0], row[1]) for row in SETTINGS] + [(row[1], row[2]) for row in FLAGS]
    if re.fullmatch(r"[0-9.]+", default) and default.count(".") < 2
]


@pytest.mark.parametrize(("variable", "default"), NUMBERS)
def test_a_numbers_default_is_what_the_code_takes(variable: str, default: float) -> None:
    usual, other = everything({}), everything({variable: "777"})
    changed = [name for name in usual if usual[name] != other[name]]
    assert [usual[name] for name in changed] == [default], f"{variable} changes {changed}"


def test_many_defaults_are_compared() -> None:
    assert len(NUMBERS) > 20


def test_the_exit_codes_of_the_page_are_those_of_the_code() -> None:
    told = {words(reason)[0]: int(code) for reason, code, _ in pages.rows(PAGE, "## Exit codes")}
    assert told == dict(exits.EXIT_CODES)


def test_the_extras_of_the_page_are_those_of_the_distribution() -> None:

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    told = set(words(section("## Extras"))) - {project["name"], "OptionalMissing", "context.dapr_client"}
    assert told == set(project["optional-dependencies"])
