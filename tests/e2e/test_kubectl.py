"""kubectl against a whole platform: the verbs a user types first."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests import require
from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _kubectl() -> None:
    if platform.kubectl() is None:
        require.missing("kubectl is not installed; your system's package manager has it")


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_apply_wait_get_describe_logs_delete(there: platform.Platform) -> None:
    manifest = json.dumps(
        platform.inline("by-kubectl", "def main(request):\n    print('asked')\n    return 'hi'\n")
    )
    assert "created" in ok(there.kubectl("apply", "-f", "-", text=manifest))
    ok(there.kubectl("wait", "--for=condition=Ready", "fn/by-kubectl", "--timeout=90s"))
    assert "unchanged" in ok(there.kubectl("apply", "-f", "-", text=manifest))
    shown = ok(there.kubectl("get", "fn", "by-kubectl"))
    assert "BUILDSTATE" in shown
    assert "Succeeded" in shown
    assert platform.request(there.address("by-kubectl")).body == b"hi"
    assert "Ready" in ok(there.kubectl("describe", "fn", "by-kubectl"))
    pods = ok(
        there.kubectl(
            "get",
            "pods",
            "-l",
            "openfunction.io/function=by-kubectl,serving.knative.dev/revision",
            "-o",
            "name",
        )
    )
    platform.until(
        lambda: "asked" in ok(there.kubectl("logs", pods.split()[0])), seconds=10, what="the log line"
    )
    ok(there.kubectl("delete", "fn", "by-kubectl", "--timeout=60s"))
    assert there.kubectl("get", "fn", "by-kubectl").returncode == 1


def test_get_watch_shows_every_change(there: platform.Platform) -> None:
    command = [
        str(platform.kubectl()),
        f"--kubeconfig={there.home / 'kubeconfig'}",
        "get",
        "fn",
        "-w",
        "-o",
        "name",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=there.environ) as watch:
        assert watch.stdout is not None
        there.apply(platform.inline("by-watch", "def main(request):\n    return 'hi'\n"), wait=False)
        for line in watch.stdout:
            if "by-watch" in line:
                break
        watch.terminate()
    assert "by-watch" in line


def test_create_patch_label_annotate_and_edit(there: platform.Platform) -> None:
    ok(there.kubectl("create", "configmap", "settings", "--from-literal=a=1"))
    ok(there.kubectl("create", "secret", "generic", "key", "--from-literal=k=v"))
    ok(there.kubectl("create", "namespace", "elsewhere"))
    ok(there.kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"b":"2"}}'))
    ok(there.kubectl("label", "configmap", "settings", "team=a"))
    ok(there.kubectl("annotate", "configmap", "settings", "note=b"))
    found = json.loads(ok(there.kubectl("get", "configmap", "settings", "-o", "json")))
    assert found["data"] == {"a": "1", "b": "2"}
    assert found["metadata"]["labels"] == {"team": "a"}
    ok(there.kubectl("delete", "configmap/settings", "secret/key"))
    ok(there.kubectl("delete", "namespace", "elsewhere", "--timeout=60s"))
