"""What Google's own client says of the framework; it knows one port, so each run has a network of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import require
from tests.conformance import google_client
from tests.conformance.conftest import FUNCTIONS
from tests.framework.conftest import environment

pytestmark = pytest.mark.slow  # the client waits two seconds for each start

# name: the client's flags, and those of the framework
RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "http": (("-type=http",), ("--target", "write_http", "--signature-type", "http")),
    "http-declared": (("-type=http",), ("--target", "write_http_declared")),
    "http-aio": (("-type=http",), ("--target", "write_http_aio")),
    "cloudevent": (("-type=cloudevent",), ("--target", "write_cloud_event", "--signature-type", "cloudevent")),
    "cloudevent-declared": (("-type=cloudevent",), ("--target", "write_cloud_event_declared")),
    "cloudevent-aio": (("-type=cloudevent",), ("--target", "write_cloud_event_aio")),
    "legacy-event": (("-type=legacyevent",), ("--target", "write_legacy_event", "--signature-type", "event")),
    "typed": (("-type=http", "-declarative-type=typed"), ("--target", "write_typed")),
    "concurrency-http": (("-type=http", "-validate-concurrency"), ("--target", "concurrent_http")),
    "concurrency-aio": (("-type=http", "-validate-concurrency"), ("--target", "concurrent_http_aio")),
    "concurrency-cloudevent": (("-type=cloudevent", "-validate-concurrency"), ("--target", "concurrent_cloud_event")),
    "concurrency-typed": (
        ("-type=http", "-declarative-type=typed", "-validate-concurrency"), ("--target", "concurrent_typed"),
    ),
    "concurrency-legacy": (
        ("-type=legacyevent", "-validate-concurrency"),
        ("--target", "concurrent_legacy_event", "--signature-type", "event"),
    ),
}  # fmt: skip
# The client dials localhost:8080 whatever it is told.
_ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@pytest.fixture(scope="module", autouse=True)
def _networks() -> None:
    try:
        ran = subprocess.run([*_ALONE, "true"], capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        require.missing(
            "the client needs a network of its own: install util-linux (unshare) and iproute2 (ip)"
        )
    if ran.returncode:
        require.missing(
            f"the client needs a network of its own, and none can be made here: {ran.stderr.strip()}"
        )


@pytest.mark.parametrize("run", RUNS)
def test_the_original_client_is_content(tmp_path: Path, run: str) -> None:
    told, flags = RUNS[run]
    command = f"{sys.executable} -m functions_framework --source {FUNCTIONS} {' '.join(flags)}"
    ran = subprocess.run(
        [*_ALONE, str(google_client.client()), "-buildpacks=false", f"-cmd={command}", "-start-delay=2", *told],
        capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False,
        env=environment(TMPDIR=str(tmp_path), HOST="127.0.0.1"),
    )  # fmt: skip
    assert "All validation passed!" in ran.stderr, ran.stderr
    assert ran.returncode == 0
