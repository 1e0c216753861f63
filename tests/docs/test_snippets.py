"""Every `sh` block of README.md and docs/ runs on a platform of its own; only `make` is left to its own targets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PAGES = [platform.ROOT / "README.md", *sorted((platform.ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# `ofn up` of a page uses the default ports; here they are free ones, and make's targets are tested as such
PRELUDE = 'set -e\nmake() { echo "make $* is a target of its own"; }\n'
WRAPPER = """#!/bin/sh
case "$1" in up) set -- "$@" --port 0 --api-port 0 ;; esac
exec "{python}" -m openfunction_py.cli "$@"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that looks like a checkout to the snippets: ./ofn and samples/, with a home of its own."""
    place = tmp_path_factory.mktemp("page")
    (place / "samples").symlink_to(platform.ROOT / "samples")
    (place / "ofn").write_text(WRAPPER.format(python=sys.executable))
    (place / "ofn").chmod(0o755)
    run(place, "./ofn up -d")
    yield place
    run(place, "./ofn down --purge")


def run(place: Path, script: str) -> str:
    """Run a script as a user would, in a shell of its own."""
    kubectl = Path(platform.kubectl() or "/nonexistent")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OFN_")}
    environ |= {"OFN_HOME": str(place / "home"), "KUBECONFIG": str(place / "kubeconfig")}
    prelude = PRELUDE + (f'kubectl() {{ "{kubectl}" "$@"; }}\n' if kubectl.exists() else "")
    done = subprocess.run(
        ["bash", "-c", prelude + script],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def blocks() -> list[tuple[str, str]]:
    """Page and text of every block."""
    return [(page.name, found) for page in PAGES for found in BLOCK.findall(page.read_text())]


@pytest.mark.parametrize(
    ("page", "script"), blocks(), ids=[f"{page}-{i}" for i, (page, _) in enumerate(blocks())]
)
def test_a_snippet_runs(folder: Path, page: str, script: str) -> None:
    lines = [line for line in script.splitlines() if not line.startswith("./ofn up")]
    run(folder, "\n".join(lines))


def test_there_are_snippets() -> None:
    assert len(blocks()) >= 5
