"""What the documents show is so: every `sh` block runs, prints what the page says, every manifest is applied.

A block with `<!-- not run: reason -->` above it is left out; `tests/docs/pages.py` has the whole convention.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from pathlib import Path

import pytest
import yaml

from tests import require
from tests.docs import checkout, pages
from tests.e2e import platform

WORDS = {"sh", "yaml", "text", "python"}
ALONE = ("docs/framework.md",)  # pages of what needs no platform
PORT = "8765"  # of the servers that such a page starts; here each gets a free one


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in pages.PAGES if page not in ALONE])
def test_what_a_page_shows_works_from_top_to_bottom(there: checkout.Checkout, page: str) -> None:
    left_out = []
    for block in pages.blocks(page):
        if block.reason is not None or block.word not in ("sh", "yaml"):
            continue
        if "kubectl " in block.text and platform.kubectl() is None:
            left_out.append(block.place)
            continue
        run(there, block)
    if left_out:
        require.missing(f"kubectl is missing, so {', '.join(left_out)} did not run; install kubectl 1.33")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", ALONE)
def test_what_a_page_shows_works_with_no_platform(tmp_path: Path, page: str) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    there = checkout.Checkout(folder, home=tmp_path / "home")
    for block in pages.blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        elif block.word == "sh" and block.reason is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = str(free.getsockname()[1])
            ending = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
            run(there, dataclasses.replace(block, text=ending + block.text.replace(PORT, port)))


def test_every_python_block_of_a_page_with_no_platform_is_a_file() -> None:
    nameless = [
        block.place
        for page in ALONE
        for block in pages.blocks(page)
        if block.word == "python" and not block.file
    ]
    assert nameless == []


def run(there: checkout.Checkout, block: pages.Block) -> None:
    """Run a script or apply a manifest; what the page shows of it has to appear."""
    if block.word == "yaml":
        wait = " --wait" if "kind: Function" in block.text else ""
        there.must(f"./ofn apply -f -{wait}", text=block.text)
        return
    done = there.run(block.text)
    assert done.code == 0, f"{block.place}\n{block.text}\n{done.shown}"
    absent = pages.unprinted(block.prints, done.shown)
    assert absent is None, f"{block.place} did not print: {absent}\n{done.shown}"


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_block_says_what_it_is_and_why_it_is_not_run(page: str) -> None:
    for block in pages.blocks(page):
        assert block.word in WORDS, f"{block.place}: a block without one of {sorted(WORDS)} after its fence"
        assert block.reason is None or len(block.reason.split()) >= 3, f"{block.place}: say why it is not run"
        if block.word == "yaml":
            yaml.safe_load(block.text)
        if block.word == "python":
            compile(block.text, block.place, "exec")


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_comment_that_takes_a_block_out_stands_above_one(page: str) -> None:
    text = (pages.ROOT / page).read_text()
    marks = re.findall(r"^<!-- not run", text, re.MULTILINE)
    assert len(marks) == sum(block.reason is not None for block in pages.blocks(page))


def test_pages_have_snippets() -> None:
    for page in pages.PAGES:
        assert any(block.word == "sh" for block in pages.blocks(page)), f"{page} shows no command"


def test_what_a_page_shows_is_looked_for_in_its_order() -> None:
    assert pages.unprinted("a … c\n\nd", "x\na   b c\nd\n") is None
    assert pages.unprinted("d\na", "a\nd\n") == "a"
