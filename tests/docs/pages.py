"""Pages as blocks in their order: what runs, what it should print, and what a page says is not run and why.

A `text` block shows what the `sh` block above it prints: each of its lines, in that order, where `…` stands for
anything. `<!-- not run: reason -->` on the line above a fence takes that block out; nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
)
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]*?) -->\n)?```(?P<word>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: `page:line`, the word after its fence, its text, and why it is not run, if it is not."""

    place: str
    word: str
    text: str
    reason: str | None = None
    prints: str = ""

    @property
    def file(self) -> str:
        """The name of the file that a block of Python is, by the comment of its first line; empty for no file."""
        found = re.match(r"# (\w+\.py)\n", self.text) if self.word == "python" else None
        return found[1] if found else ""


def blocks(page: str) -> list[Block]:
    """The blocks of a page; what a `text` block shows is put to the `sh` block above it."""
    return list(_joined(parse(page, (ROOT / page).read_text())))


def parse(page: str, text: str) -> Iterator[Block]:
    """Every fenced block of a text."""
    for found in BLOCK.finditer(text):
        line = text[: found.start("text")].count("\n")
        yield Block(f"{page}:{line}", found["word"], found["text"], found["reason"])


def _joined(found: Iterator[Block]) -> Iterator[Block]:
    waiting: Block | None = None
    for block in found:
        if block.word == "text" and waiting and block.reason is None:
            yield Block(waiting.place, waiting.word, waiting.text, waiting.reason, block.text)
            waiting = None
            continue
        if waiting:
            yield waiting
        waiting = block if block.word == "sh" else None
        if waiting is None:
            yield block
    if waiting:
        yield waiting


def unprinted(shown: str, printed: str) -> str | None:
    """The first line that a page shows and a command did not print, in that order; None when all are there."""
    lines = iter(printed.splitlines())
    for line in filter(None, map(str.strip, shown.splitlines())):
        wanted = pattern(line)
        if not any(wanted.search(" ".join(said.split())) for said in lines):
            return line
    return None


def pattern(sentence: str) -> re.Pattern[str]:
    """What a sentence of a page stands for: spaces are one, `…` is anything."""
    parts = " ".join(sentence.split()).split("…")
    return re.compile(".*".join(re.escape(part) for part in parts))


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    after = (ROOT / page).read_text().split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\|\n)+", after, re.MULTILINE)
    assert table, f"{page}: no table under {heading}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
