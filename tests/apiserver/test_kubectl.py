"""kubectl of every supported version that this machine has, against the server alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from openfunction_py.apiserver import testing
from tests import require
from tests.apiserver.api import Api, deployment, function, pod

VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33")


def find(version: str) -> str | None:
    """The program of one version: on PATH, or beside the dispatcher that some installs have."""
    name = f"kubectl.{version}"
    dispatcher = shutil.which("kubectl")
    beside = Path(dispatcher).resolve().with_name(name) if dispatcher else Path(name)
    return shutil.which(name) or (str(beside) if beside.is_file() else None)


class Kubectl:
    """One kubectl with its configuration and a namespace of its own."""

    def __init__(self, program: str, server: testing.Server) -> None:
        self.program = program
        self.api = Api(server, f"kubectl-{uuid4().hex[:8]}")
        cache = str(server.home.root / "kubectl-cache")
        self.environment = {"KUBECONFIG": str(server.kubeconfig), "HOME": cache, "PATH": os.environ["PATH"]}
        self("create", "namespace", self.api.namespace)

    def run(self, *words: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """One command, however it ends."""
        command = [self.program, "--namespace", self.api.namespace, *words]
        return subprocess.run(
            command, input=text, env={**self.environment, **environment}, capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip

    def __call__(self, *words: str, text: str = "", **environment: str) -> str:
        """One command that must succeed."""
        done = self.run(*words, text=text, **environment)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *words: str, text: str = "") -> str:
        """One command that must fail; what it says."""
        done = self.run(*words, text=text)
        assert done.returncode != 0, f"{words}: {done.stdout}"
        return done.stderr


@pytest.fixture(params=[*(pytest.param(one, marks=pytest.mark.slow) for one in VERSIONS[:-1]), VERSIONS[-1]])
def kubectl(request: pytest.FixtureRequest, running: testing.Server) -> Kubectl:
    """kubectl in one version."""
    program = find(request.param)
    if program is None:
        require.missing(f"kubectl.{request.param} is not on PATH; your system's package manager has kubectl")
    return Kubectl(program, running)


def manifest(document: dict[str, object]) -> str:
    """A document as a manifest."""
    return json.dumps(document)


def test_apply_twice_changes_nothing(kubectl: Kubectl) -> None:
    text = manifest({**function("f"), "apiVersion": "core.openfunction.io/v1beta2", "kind": "Function"})
    assert "created" in kubectl("apply", "-f", "-", text=text)
    before = kubectl("get", "fn", "f", "-o", "jsonpath={.metadata.resourceVersion}")
    assert "unchanged" in kubectl("apply", "-f", "-", text=text)
    assert kubectl("get", "fn", "f", "-o", "jsonpath={.metadata.resourceVersion}") == before
    assert kubectl("diff", "-f", "-", text=text) == ""
    assert "configured" in kubectl("apply", "-f", "-", text=text.replace('"v1"', '"v2"'))


def test_apply_on_the_server_moves_over_from_the_client(kubectl: Kubectl) -> None:
    text = manifest(deployment("d"))
    kubectl("apply", "-f", "-", text=text)
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", text=text)
    kubectl("scale", "deployment", "d", "--replicas=3")
    changed = {**deployment("d")}
    changed["spec"] = {**changed["spec"], "replicas": 5}
    assert "Apply failed with 1 conflict" in kubectl.fails(
        "apply", "--server-side", "-f", "-", text=manifest(changed)
    )
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=manifest(changed))
    assert kubectl("get", "deployment", "d", "-o", "jsonpath={.spec.replicas}") == "5"


def test_create_sends_what_the_server_reads(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "s", "--from-literal=p=q")
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.data.p}") == "cQ=="
    assert "already exists" in kubectl.fails("create", "configmap", "c")


def test_get_shows_tables_and_documents(kubectl: Kubectl) -> None:
    kubectl.api.ok("POST", kubectl.api.functions(), function("f"))
    assert kubectl("get", "fn").split()[:2] == ["NAME", "BUILDSTATE"]
    assert "SERVING" in kubectl("get", "functions", "-o", "wide", "--show-labels")
    assert json.loads(kubectl("get", "fn", "f", "-o", "json"))["spec"]["version"] == "v1"
    assert kubectl.api.namespace in kubectl("get", "fn", "-A")
    assert kubectl("get", "fn", "-l", "a in (b)", "-o", "name") == ""
    assert kubectl("get", "fn", "--chunk-size=1", "-o", "name").strip() == "function.core.openfunction.io/f"
    assert "NotFound" in kubectl.fails("get", "fn", "nope")


def test_labels_annotations_patches_and_edits(kubectl: Kubectl) -> None:
    kubectl.api.ok("POST", kubectl.api.functions(), function("f"))
    kubectl("label", "fn", "f", "a=b")
    kubectl("annotate", "fn", "f", "note=1")
    kubectl("patch", "fn", "f", "--type=merge", "-p", '{"spec":{"version":"v2"}}')
    kubectl("patch", "fn", "f", "--type=json", "-p", '[{"op":"replace","path":"/spec/version","value":"v3"}]')
    removal = '[{"op":"remove","path":"/spec/nope"}]'
    assert "remove a non-existent object 'nope'" in kubectl.fails(
        "patch", "fn", "f", "--type=json", "-p", removal
    )
    kubectl("edit", "fn", "f", EDITOR="sed -i s/v3/v4/", KUBE_EDITOR="sed -i s/v3/v4/")
    assert kubectl("get", "fn", "f", "-o", "jsonpath={.spec.version} {.metadata.labels.a}") == "v4 b"


def test_strategic_patch_of_a_built_in_kind(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=manifest(deployment("d")))
    kubectl("set", "image", "deployment/d", "s=other")
    images = "jsonpath={.spec.template.spec.containers[*].image}"
    assert kubectl("get", "deployment", "d", "-o", images) == "i other"


def test_wait_and_describe(kubectl: Kubectl) -> None:
    kubectl.api.ok("POST", kubectl.api.functions(), function("f"))
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "AllWell"}]}
    kubectl.api.patch(f"{kubectl.api.functions('f')}/status", {"status": status})
    assert "condition met" in kubectl("wait", "fn/f", "--for=condition=Ready", "--timeout=10s")
    kubectl("wait", "fn/f", "--for=jsonpath={.spec.version}=v1", "--timeout=10s")
    assert "AllWell" in kubectl("describe", "fn", "f")


def test_delete_waits_for_finalizers_and_takes_all(kubectl: Kubectl) -> None:
    kubectl.api.ok("POST", kubectl.api.functions(), function("f"))
    kubectl.api.create_map("held", finalizers=["example.com/x"])
    assert "deleted" in kubectl("delete", "fn", "--all")
    assert "timed out" in kubectl.fails("delete", "configmap", "held", "--timeout=1s")
    kubectl.api.patch(kubectl.api.config_maps("held"), {"metadata": {"finalizers": None}})
    kubectl("wait", "--for=delete", "configmap/held", "--timeout=10s")


def test_watch_shows_changes(kubectl: Kubectl) -> None:
    kubectl.api.create_map("a")
    command = [kubectl.program, "-n", kubectl.api.namespace, "get", "cm", "-w", "--output-watch-events"]
    with subprocess.Popen(command, env=kubectl.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().split() == ["EVENT", "NAME", "AGE"]
            assert process.stdout.readline().split()[:2] == ["ADDED", "a"]
            kubectl.api.ok("DELETE", kubectl.api.config_maps("a"))
            assert process.stdout.readline().split()[:2] == ["DELETED", "a"]
        finally:
            process.terminate()


def test_logs(kubectl: Kubectl) -> None:
    kubectl.api.ok("POST", kubectl.api.pods(), pod("p"))
    assert kubectl("logs", "p") == kubectl("logs", "-f", "p") == f"no log of {kubectl.api.namespace}/p\n"
    assert "container z is not valid" in kubectl.fails("logs", "p", "-c", "z")


def test_questions_about_the_server(kubectl: Kubectl) -> None:
    assert "functions" in kubectl("api-resources")
    assert "core.openfunction.io/v1beta2" in kubectl("api-versions")
    assert "srcRepo" in kubectl("explain", "fn.spec.build")
    assert kubectl("auth", "can-i", "create", "fn").strip() == "yes"
    assert "openfunction:admin" in kubectl("auth", "whoami")
    assert kubectl("get", "--raw", "/readyz") == "ok"


def test_mistakes_are_refused_with_a_sentence(kubectl: Kubectl) -> None:
    odd = manifest(function("f", imagee="x"))
    assert 'unknown field "spec.imagee"' in kubectl.fails("apply", "-f", "-", text=odd)
    assert "no matches for kind" in kubectl.fails("apply", "-f", "-", text=odd.replace("v1beta2", "v1beta1"))
    assert "not found" in kubectl.fails("create", "cm", "x", "-n", "nowhere")
