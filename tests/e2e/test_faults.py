"""`kill -9` of each process in turn: acknowledged objects are there, and functions answer again without help."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Self

import pytest

from openfunction_py.kube import config, errors, oneshot
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


class Traffic:
    """Requests to a function and writes to the API, one after another, until the block ends."""

    def __init__(self, there: platform.Platform, address: str, prefix: str) -> None:
        self._stop = threading.Event()
        self._there, self._address, self._prefix = there, address, prefix
        self.acknowledged: list[str] = []
        self.answered = 0
        self._threads = [threading.Thread(target=self._write), threading.Thread(target=self._ask)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        """Create ConfigMaps; only what the server said yes to is remembered."""
        door = oneshot.OneShot(config.load(self._there.home / "kubeconfig", context="openfunction"))
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"{self._prefix}-{number}"
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name},
                "data": {"n": str(number)},
            }
            with contextlib.suppress(errors.Unreachable, OSError, http.client.HTTPException):
                code, _ = door.request(
                    "POST",
                    "/api/v1/namespaces/default/configmaps",
                    params=None,
                    body=json.dumps(body).encode(),
                    headers={"Content-Type": "application/json"},
                )
                if code == 201:
                    self.acknowledged.append(name)
            self._stop.wait(0.005)
        door.close()

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.answered += answers(self._address)


@pytest.mark.parametrize("role", ["control", "node", "gateway"])
def test_a_killed_process_comes_back_with_everything(faulty: platform.Platform, role: str) -> None:
    address = faulty.address("stays")
    name = f"made-{role}"
    with Traffic(faulty, address, f"kept-{role}") as traffic:
        faulty.apply(platform.inline(name, CODE), wait=False)
        platform.until(lambda: len(traffic.acknowledged) > 20, seconds=30, what="writes before the kill")
        old = faulty.pids()[role]
        os.kill(old, signal.SIGKILL)
        platform.until(
            lambda: faulty.pids().get(role) not in (None, old), seconds=30, what=f"{role} started again"
        )
        platform.until(lambda: answers(address), seconds=30, what="the function answers again")
        before = len(traffic.acknowledged)
        platform.until(
            lambda: len(traffic.acknowledged) > before + 20, seconds=30, what="writes after the kill"
        )
    assert_nothing_lost(faulty, traffic)
    faulty.apply(platform.inline(name, CODE))
    assert answers(faulty.address(name))


def assert_nothing_lost(there: platform.Platform, traffic: Traffic) -> None:
    """Every object that the server said yes to is there."""
    stored = set(there.ofn("get", "configmaps", "-o", "name").split())
    lost = [one for one in traffic.acknowledged if f"configmap/{one}" not in stored]
    assert not lost, f"{len(lost)} of {len(traffic.acknowledged)} acknowledged objects are lost: {lost[:5]}"


def pid_of(address: str) -> int:
    """The process that answers."""
    return int(json.loads(platform.request(address).body)["pid"])


def test_a_killed_instance_is_replaced(faulty: platform.Platform) -> None:
    address = faulty.address("stays")
    with Traffic(faulty, address, "kept-instance") as traffic:
        platform.until(lambda: traffic.answered > 20, seconds=30, what="requests before the kill")
        old = pid_of(address)
        os.kill(old, signal.SIGKILL)
        before = traffic.answered
        platform.until(lambda: traffic.answered > before + 20, seconds=30, what="requests after the kill")
        assert pid_of(address) != old
    assert_nothing_lost(faulty, traffic)


def test_a_killed_template_does_not_end_its_function(faulty: platform.Platform) -> None:
    address = faulty.address("stays")
    with Traffic(faulty, address, "kept-template") as traffic:
        killed = kill_templates(faulty)
        before = traffic.answered
        platform.until(lambda: traffic.answered > before + 20, seconds=30, what="requests after the kill")
        old = pid_of(address)
        os.kill(old, signal.SIGKILL)
        before = traffic.answered
        platform.until(lambda: traffic.answered > before + 20, seconds=30, what="requests of a new process")
        assert pid_of(address) != old
    assert killed
    assert_nothing_lost(faulty, traffic)


def kill_templates(there: platform.Platform) -> int:
    """Kill every template of a platform; how many there were."""
    killed = 0
    for line in platform.processes_of(there.home):
        if "functions_framework.templates.template" in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split(":")[0]), signal.SIGKILL)
                killed += 1
    return killed


def test_down_works_when_control_is_dead() -> None:
    with platform.started() as there:
        there.apply(platform.inline("left", CODE))
        for role in ("supervisor", "control"):
            os.kill(there.pids()[role], signal.SIGKILL)
        there.ofn("down")
        assert not platform.processes_of(there.home)


def test_up_works_after_the_supervisor_was_killed() -> None:
    with platform.started() as there:
        there.apply(platform.inline("kept", CODE))
        os.kill(there.pids()["supervisor"], signal.SIGKILL)
        there.ofn("up", "-d")
        assert answers(there.address("kept"))
