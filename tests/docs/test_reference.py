"""docs/cli.md says what `ofn` has: every command, every option of it and no other, and the exit codes."""

from __future__ import annotations

import re

import click
import pytest

from openfunction_py.cli import failures, main
from tests.docs import pages

PAGE = "docs/cli.md"
OPTION = re.compile(r"(?<![\w/.-])(--?[a-zA-Z][a-z-]*)")
ROOT_COMMAND = main.build(list(main.COMMANDS))
HELP = {"-h", "--help"}


def tree(command: click.Command, words: tuple[str, ...] = ("ofn",)) -> dict[str, click.Command]:
    """Every command below one, by what a user types."""
    found = {" ".join(words): command}
    for name, child in getattr(command, "commands", {}).items():
        found |= tree(child, (*words, name))
    return found


def options(command: click.Command) -> set[str]:
    """Every spelling of every option of a command."""
    named = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    return {spelling for p in named for spelling in (*p.opts, *p.secondary_opts)}


COMMANDS = tree(ROOT_COMMAND)
LEAVES = sorted(name for name, command in COMMANDS.items() if not hasattr(command, "commands"))
ALL = HELP.union(*(options(command) for command in COMMANDS.values()))


def sections() -> dict[str, str]:
    """Text of the page by heading; what stands before the first has no name."""
    first, *rest = re.split(r"^## ", (pages.ROOT / PAGE).read_text(), flags=re.MULTILINE)
    return {"": first} | {part.partition("\n")[0]: part.partition("\n")[2] for part in rest}


def listed(text: str) -> set[str]:
    """Options that the list of a section explains: those before the colon of an item."""
    items = re.findall(r"^- (.*?)(?::|$)", text, re.MULTILINE)
    return {option for item in items for option in OPTION.findall(item)}


def test_the_page_has_a_section_for_every_command_and_for_no_other() -> None:
    assert sorted(name for name in sections() if name.startswith("ofn ")) == LEAVES


@pytest.mark.parametrize("name", LEAVES)
def test_a_section_explains_every_option_of_its_command_and_no_other(name: str) -> None:
    assert listed(sections()[name]) == options(COMMANDS[name]) - HELP


@pytest.mark.parametrize("name", LEAVES)
def test_a_section_shows_its_command_at_work(name: str) -> None:
    shown = "".join(re.findall(r"^```sh\n(.*?)^```$", sections()[name], re.MULTILINE | re.DOTALL))
    assert re.search(rf"(^|\| )\./{re.escape(name)}\b", shown, re.MULTILINE)


def test_every_option_that_the_page_names_anywhere_exists() -> None:
    text = (pages.ROOT / PAGE).read_text()
    code = "\n".join(line for line in text.splitlines() if "kubectl" not in line)
    spans = re.findall(r"`([^`\n]+)`", code) + [
        block.text for block in pages.blocks(PAGE) if block.word == "sh"
    ]
    named = {option for span in spans for option in OPTION.findall(span)}
    assert named <= ALL, f"not options of ofn: {sorted(named - ALL)}"
    assert options(ROOT_COMMAND) <= named


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_help_page_has_no_marks_of_another_format(name: str) -> None:
    page = COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=name))
    assert "\\[" not in page


def codes(error: type[failures.Failure]) -> set[int]:
    """The exit codes of an error and of all below it."""
    return {error.exit_code}.union(*(codes(child) for child in error.__subclasses__()))


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    said = (failures.__doc__ or "").partition("The exit codes:")[2]
    meant = {int(code): " ".join(words.split()) for code, words in re.findall(r"(\d+) ([^,.]+)", said)}
    assert {int(code): means for code, means in pages.rows(PAGE, "## Exit codes")} == meant
    assert set(meant) == codes(failures.Failure) | {130}


def test_the_variables_of_the_page_are_those_that_are_read() -> None:
    folders = [pages.ROOT / "openfunction_py" / name for name in ("cli", "lib", "kube")]
    code = "".join(path.read_text() for folder in folders for path in sorted(folder.glob("*.py")))
    named = {name.strip("`") for name, *_ in pages.rows(PAGE, "## Which server")}
    assert {name for name in named if f'"{name}"' not in code and f"${name}" not in code} == set()
    assert set(re.findall(r'"(OFN_[A-Z_]+)"', code)) <= named
