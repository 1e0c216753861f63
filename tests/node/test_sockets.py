"""The folder in which containers of a Pod meet at sockets: one for each Pod, for forks and processes, at each level."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openfunction_py.api.upstream import core, storage
from openfunction_py.lib.home import Home
from openfunction_py.node import environment, files, images, levels, records, sandbox, specs, volumes
from openfunction_py.node.sandbox import Level
from openfunction_py.providers.dapr import injection
from tests import require
from tests.node import house
from tests.node.house import HELLO, House, eventually, fetch, is_ready

ASKS = """
import os, socket

def hello(request):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.environ["PEER"])
        peer.sendall(b"GET / HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n")
        whole = b"".join(iter(lambda: peer.recv(4096), b""))
    return whole.partition(b"\\r\\n\\r\\n")[2] + b" at " + os.environ["PEER"].encode()
"""
SEES = """
import os

def hello(request):
    return " ".join(name for name in ("OWN", "OTHERS") if os.path.exists(os.environ[name]))
"""
VOLUME = {"name": "dapr-sockets", "emptyDir": {}}
MOUNTS = [{"name": "dapr-sockets", "mountPath": "/run/dapr"}]


async def meeting(there: House, name: str, *, revision: str) -> core.Pod:
    """A Pod of one that listens and one that asks it."""
    listens = {
        "name": "function", "image": there.picture(HELLO), "ports": [{"containerPort": 8080}],
        "env": [{"name": "OFN_APP_SOCKET", "value": "/run/dapr/app.sock"}], "volumeMounts": MOUNTS,
    }  # fmt: skip
    asks = {
        "name": "asks", "image": there.picture(ASKS), "ports": [{"containerPort": 8081}],
        "env": [{"name": "PEER", "value": "/run/dapr/app.sock"}], "volumeMounts": MOUNTS,
    }  # fmt: skip
    marks = {specs.REVISION_LABEL: revision} if revision else {}
    body = {
        "metadata": {"name": name, "namespace": "default", "labels": marks},
        "spec": {"nodeName": "local", "containers": [listens, asks], "volumes": [VOLUME]},
    }
    await there.client.create(core.Pod.model_validate(body))
    return await there.until(name, is_ready)


@pytest.mark.parametrize("level", [Level.UNPRIVILEGED_USER, Level.OWN_MOUNTS, Level.SAME_USER])
@pytest.mark.parametrize("revision", ["r", ""], ids=["zygote", "process"])
async def test_containers_of_a_pod_meet_and_no_others_do(
    home: House, monkeypatch: pytest.MonkeyPatch, level: Level, revision: str
) -> None:
    await chosen(home.home, monkeypatch, level)
    async with home.node():
        pods = [await meeting(home, name, revision=revision) for name in ("a", "b")]
        told = [await fetch(pod, port=8081) for pod in pods]
        assert [status for status, _ in told] == [200, 200]
        assert all(body.startswith(b"hello at ") for _, body in told)
        assert len(set(told)) == 2
        runtime = "zygote" if revision else "process"
        assert {pod.metadata.annotations["openfunction.io/runtime"] for pod in pods} == {runtime}
        await home.client.delete(core.Pod, "b", namespace="default")
        await home.until_gone("b")
        assert len(folders(home.home)) == 1
        assert await fetch(pods[0], port=8081) == told[0]


async def chosen(home: Home, monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    """Have the node take this level."""
    if not await allowed(home, level):
        require.missing(f"this machine does not allow the level {level.value}")

    async def strictest(_: Path) -> Level:
        return level

    monkeypatch.setattr(levels, "strictest", strictest)


async def allowed(home: Home, level: Level) -> bool:
    """Whether this user may be confined so here."""
    if level is Level.UNPRIVILEGED_USER and os.geteuid() != 0:
        return False
    files.open_folder(home.node)
    with pytest.MonkeyPatch.context() as only:
        only.setattr(sandbox, "levels", lambda: [level])
        return await levels.strictest(home.node / "tried") is level


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder that every user may enter, as the machine's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)


@pytest.mark.parametrize("revision", ["r", ""], ids=["zygote", "process"])
async def test_functions_see_no_sockets_of_other_namespaces_where_the_temporary_folder_holds_them(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    async with house.built(tmp_path / ("d" * 80)) as there:
        await chosen(there.home, monkeypatch, Level.UNPRIVILEGED_USER)
        others = there.home.sockets / "others" / "pod"
        assert others.is_relative_to(temporary)
        others.mkdir(parents=True)
        async with there.node():
            env = [{"name": "OWN", "value": "/run/dapr/."}, {"name": "OTHERS", "value": str(others)}]
            container = {
                "image": there.picture(SEES), "ports": [{"containerPort": 8080}],
                "env": env, "volumeMounts": MOUNTS,
            }  # fmt: skip
            await there.pod("a", container, revision=revision, volumes=[VOLUME])
            assert await fetch(await there.until("a", is_ready)) == (200, b"OWN")
            status, body = await fetch(await meeting(there, "b", revision=revision), port=8081)
            assert (status, body[:9]) == (200, b"hello at ")


def folders(home: Home) -> list[Path]:
    """Folders of sockets."""
    return list(home.sockets.glob("*/*"))


async def test_who_starts_again_serves_the_socket_of_the_one_that_was_killed(running: House) -> None:
    pod = await meeting(running, "a", revision="r")
    before = await fetch(pod, port=8081)
    record = records.load(running.home.pods / pod.metadata.uid)
    assert record is not None
    identity = record.containers["function"].identity
    assert identity is not None
    os.kill(identity.pid, signal.SIGKILL)
    await running.until(
        "a", lambda one: one.status.container_statuses[0].restart_count == 1 and is_ready(one)
    )
    assert before[0] == 200
    assert await fetch(pod, port=8081) == before


async def test_what_a_removed_pod_left_goes_when_a_node_starts(home: House) -> None:
    async with home.node():
        await meeting(home, "a", revision="r")
    assert len(folders(home.home)) == 1
    await home.client.delete(core.Pod, "a", namespace="default", grace_seconds=0)
    await home.until_gone("a")
    async with home.node():

        async def left() -> list[Path]:
            return folders(home.home)

        await eventually(left, lambda found: not found)


async def test_a_folder_that_a_node_made_last_goes_with_its_pod(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: Path, level: Level) -> None:
        raise InterruptedError(f"the node ends at {level.value}")

    about = {"name": "a", "namespace": "default", "uid": "u"}
    pod = core.Pod.model_validate({"metadata": about, "spec": {"containers": [], "volumes": [VOLUME]}})
    place = home.home.pods / "u"
    disk = volumes.Disk(
        pod, place / volumes.VOLUMES, home=home.home, client=home.client, level=Level.SAME_USER
    )
    monkeypatch.setattr(sandbox, "give", ends)
    with pytest.raises(InterruptedError):
        await disk.prepare()
    assert len(folders(home.home)) == 1
    volumes.discard(place)
    assert folders(home.home) == []


async def test_a_claim_of_that_name_is_a_volume_as_any_other(running: House) -> None:
    about = {"metadata": {"name": "c", "namespace": "default"}}
    claim = await running.client.create(storage.PersistentVolumeClaim.model_validate(about))
    source = (
        "import pathlib\ndef hello(request):\n    pathlib.Path('/run/dapr/kept').touch()\n    return 'done'\n"
    )
    container = {"image": running.picture(source), "ports": [{"containerPort": 8080}], "volumeMounts": MOUNTS}
    given = [{"name": "dapr-sockets", "persistentVolumeClaim": {"claimName": "c"}}]
    await running.pod("a", container, volumes=given)
    assert await fetch(await running.until("a", is_ready)) == (200, b"done")
    await running.client.delete(core.Pod, "a", namespace="default")
    await running.until_gone("a")
    assert (running.home.claims / claim.metadata.uid / "kept").exists()
    assert folders(running.home) == []


@pytest.mark.parametrize("length", [10, 60, 120])
def test_a_socket_in_the_folder_has_a_path_that_is_short_enough(length: int) -> None:
    home = Home(Path("/" + "h" * length))
    longest = volumes.sockets_of(home, "n" * 63) / ("0" * 10) / "app.sock"
    assert len(os.fsencode(longest)) <= 103


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("/run/dapr/app.sock", "/h/s/app.sock"), ("/run/dapr", "/run/dapr"), ("/run/dapr2/x", "/run/dapr2/x"),
        ("/a//b/", "/a//b/"), ("x=/run/dapr/y", "x=/run/dapr/y"),
    ],
)  # fmt: skip
def test_only_what_lies_in_the_folder_is_named_by_its_place(word: str, seen: str) -> None:
    bind = sandbox.Bind(Path("/h/s"), "/run/dapr/", writable=True)
    assert volumes.at_sockets(word, [bind]) == seen


def test_a_fork_may_have_the_folder_of_sockets_and_no_other_volume() -> None:
    def why(*given: dict[str, Any]) -> str:
        mounts = [{"name": one["name"], "mountPath": f"/{one['name']}"} for one in given]
        body = {"containers": [{"name": "function", "volumeMounts": mounts}], "volumes": [*given]}
        pod = core.Pod.model_validate({"metadata": {"name": "p", "namespace": "default"}, "spec": body})
        return specs.why_no_fork(pod, pod.spec.containers[0], trusted=False, template=None)

    assert "mounts volumes" not in why(VOLUME)
    assert "mounts volumes" in why(VOLUME, {"name": "x", "emptyDir": {}})
    assert "mounts volumes" in why({"name": "dapr-sockets", "persistentVolumeClaim": {"claimName": "c"}})


async def test_a_pod_with_its_sidecar_has_the_template_that_its_deployment_warmed(home: House) -> None:
    annotated = {"dapr.io/enabled": "true", "dapr.io/app-id": "a", "dapr.io/app-port": "8080"}
    about = {
        "name": "p",
        "namespace": "default",
        "labels": {specs.REVISION_LABEL: "r"},
        "annotations": annotated,
    }
    app = {"name": "function", "image": home.picture(), "env": [{"name": "FUNC_CONTEXT", "value": "{}"}]}
    given = {"metadata": about, "spec": {"containers": [app]}}
    runnable = await images.Images(home.home).resolve(home.picture())
    keys = set()
    for document in (given, injection.inject(given)):
        pod = core.Pod.model_validate(document)
        env = await environment.resolve(
            pod.spec.containers[0],
            pod,
            address="127.0.0.9",
            sources=environment.Sources(home.client, "default"),
        )
        made = specs.make_template(pod, runnable=runnable, env=env, level=Level.SAME_USER, home=home.home)
        assert made is not None
        keys.add(made.key)
    assert len(keys) == 1
