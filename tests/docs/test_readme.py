"""What README says of a running platform and no snippet shows: rights of functions, the context, the home."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests import require
from tests.docs import checkout
from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RIGHTS = """\
import os


def main(request):
    status = open("/proc/self/status").read()
    return {"uid": os.getuid(), "privileges": "NoNewPrivs:\\t1" not in status}
"""


def test_a_function_has_the_rights_that_readme_says_and_its_pod_tells(there: checkout.Checkout) -> None:
    there.must("./ofn apply -f - --wait", text=json.dumps(platform.inline("rights", RIGHTS)))
    answer = json.loads(there.must("./ofn invoke rights"))
    assert answer == {"uid": 65532 if os.geteuid() == 0 else os.geteuid(), "privileges": False}
    pods = json.loads(there.must("./ofn get pods -l openfunction.io/function=rights -o json"))["items"]
    for pod in pods:
        told = {c["type"]: c.get("message") for c in pod["status"]["conditions"]}
        assert told["openfunction.io/Sandbox"], "the Pod does not say which level is in force"


def test_kubectl_finds_the_context_and_the_current_one_is_left_alone(there: checkout.Checkout) -> None:
    if platform.kubectl() is None:
        require.missing("kubectl is missing, so the context was not tried; install kubectl 1.33")
    assert "No resources found" in there.must("kubectl --context openfunction get functions")
    assert there.run("kubectl config current-context").code != 0


def test_purge_removes_the_home_and_the_context(there: checkout.Checkout) -> None:
    there.must("./ofn down --purge")
    assert not Path(there.environ["OFN_HOME"]).exists()
    assert "openfunction" not in Path(there.environ["KUBECONFIG"]).read_text()
