"""What the tables of the documents quote is what the code prints: sentences by template, reasons by their word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs import pages

PACKAGES = ("openfunction_py", "builder/openfunction_builder", "builder/buildpacks", "functions-framework")
TABLES = (
    ("README.md", "## First errors"),
    ("docs/cli.md", "## Sentences people meet first"),
    ("docs/functions.md", "## When it is not Ready"),
)


def templates(path: Path) -> Iterator[str]:
    """Every text in a module; what an f-string fills in is `…`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def printed() -> frozenset[str]:
    """The texts of everything that users may see the words of."""
    files = [path for package in PACKAGES for path in (pages.ROOT / package).rglob("*.py")]
    return frozenset(text for path in files for text in templates(path))


def fits(sentence: str, template: str) -> bool:
    """True when the template can print the sentence: each word is the same, or is what the template fills in."""
    said, made = _words(sentence), _words(template)
    found = (made[start : start + len(said)] for start in range(len(made) - len(said) + 1))
    return any(
        all(map(_same, said, part)) and sum(map(str.__eq__, said, part)) * 2 >= len(said) for part in found
    )


def _words(text: str) -> list[str]:
    return [word.rstrip(";:,") for word in text.split()]


def _same(word: str, have: str) -> bool:
    if word in ("…", have) or "…" not in have:
        return word in ("…", have)
    return re.fullmatch(".*".join(map(re.escape, have.split("…"))), word) is not None


QUOTED = [
    (page, sentence)
    for page, heading in TABLES
    for row in pages.rows(page, heading)
    for sentence in re.findall(r"`([^`]+)`", row[0])
]


@pytest.mark.parametrize(("page", "sentence"), QUOTED)
def test_a_quoted_sentence_is_in_the_code(page: str, sentence: str) -> None:
    if " " in sentence:
        assert any(fits(sentence, text) for text in printed()), f"{page}: nothing prints {sentence!r}"
    else:
        assert sentence in printed(), f"{page}: nothing gives the reason {sentence}"


def test_a_sentence_that_nothing_prints_is_found_out() -> None:
    assert fits("port 8088 of the gateway is taken", "port … of the … is taken; stop what uses it")
    assert not fits("port 8088 of the gateway is free", "port … of the … is taken; stop what uses it")
    assert not any(fits("no platform lives in …", text) for text in printed())


@pytest.mark.parametrize("page", [*pages.PAGES, "ARCHITECTURE.md"])
def test_every_link_leads_to_a_file(page: str) -> None:
    place = pages.ROOT / page
    for target in re.findall(r"\]\(([^)#:]+)\)", place.read_text()):
        assert (place.parent / target).exists(), f"{page} links to {target}"


def test_the_readme_leads_to_every_page() -> None:
    text = (pages.ROOT / "README.md").read_text()
    assert [page for page in pages.PAGES[1:] if f"]({page})" not in text] == []


def test_contributing_names_every_target_that_decides() -> None:
    text = (pages.ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`make ([a-z0-9]+)", text))
    targets = set(
        re.findall(r"^([a-z0-9]+)\b[^:\n]*:.*##", (pages.ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    assert {"check", "test", "wire", "e2e", "bench", "demo"} <= named <= targets
