"""`kill -9` of each process in turn: acknowledged objects are there, and functions answer again without help."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CODE = "import os\n\ndef main(request):\n    return {'pid': os.getpid()}\n"


@pytest.fixture(scope="module")
def faulty() -> Iterator[platform.Platform]:
    """A platform of its own: what is killed here should not disturb other tests."""
    with platform.started() as running:
        running.apply(platform.inline("stays", CODE, scaleOptions={"minReplicas": 1}))
        yield running


def answers(address: str) -> bool:
    """True when the function answers 200."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return platform.request(address, timeout=5).status == 200
    return False


@pytest.mark.parametrize("role", ["control", "node", "gateway"])
def test_a_killed_process_comes_back_with_everything(faulty: platform.Platform, role: str) -> None:
    address = faulty.address("stays")
    stored = faulty.ofn("get", "functions", "-o", "name")
    name = f"made-{role}"
    faulty.apply(platform.inline(name, CODE), wait=False)
    old = faulty.pids()[role]
    os.kill(old, signal.SIGKILL)
    platform.until(
        lambda: faulty.pids().get(role) not in (None, old), seconds=30, what=f"{role} started again"
    )
    platform.until(lambda: answers(address), seconds=30, what="the function answers again")
    platform.until(
        lambda: faulty.run("get", "functions").returncode == 0, seconds=30, what="the API answers again"
    )
    assert set(stored.split()) <= set(faulty.ofn("get", "functions", "-o", "name").split())
    faulty.apply(platform.inline(name, CODE))
    assert answers(faulty.address(name))


def test_a_killed_instance_is_replaced(faulty: platform.Platform) -> None:
    address = faulty.address("stays")
    pid = int(platform.request(address).body.split(b":")[1].rstrip(b"}"))
    os.kill(pid, signal.SIGKILL)
    platform.until(lambda: answers(address), seconds=30, what="the function answers again")


def test_a_killed_template_does_not_end_its_function(faulty: platform.Platform) -> None:
    for line in platform.processes_of(faulty.home):
        if "functions_framework.template" in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split(":")[0]), signal.SIGKILL)
    platform.until(lambda: answers(faulty.address("stays")), seconds=30, what="the function answers again")
    pid = int(platform.request(faulty.address("stays")).body.split(b":")[1].rstrip(b"}"))
    os.kill(pid, signal.SIGKILL)
    platform.until(
        lambda: answers(faulty.address("stays")), seconds=30, what="the function answers from a new process"
    )


def test_down_works_when_control_is_dead() -> None:
    with platform.started() as there:
        there.apply(platform.inline("left", CODE))
        for role in ("supervisor", "control"):
            os.kill(there.pids()[role], signal.SIGKILL)
        there.ofn("down")
        assert not platform.processes_of(there.home)
