"""The bench itself: one round prints whole rows and names what it left out. No time is asserted."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.bench import google


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OFN_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *words],
        cwd=google.ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "no part called speed; there are cold, memory" in done.stderr


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_one_round_prints_every_row_with_both_sides() -> None:
    done = bench("cold", "memory", "cli", "--function", "hello", "--rounds", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = r"\s+[\d.]+ (ms|MiB)\s+[\d.]+ (ms|MiB)\s+[\d.]+   bar <= "
    for name in ("cold start, hello", "USS of an idle instance, hello", "ofn get functions"):
        assert re.search(re.escape(name) + figures, done.stdout), done.stdout
    assert re.search(r"its template beside it: USS [\d.]+ MiB, PSS [\d.]+ MiB", done.stdout)
    assert (
        done.stdout.splitlines()[-1]
        == "bench: measured cold, memory, cli; left out: warm, up, idle, framework, events, demo"
    )
