"""Bad input on a whole platform: a reason, a sentence, and nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GOOD = "def main(request):\n    return 'good'\n"
BROKEN = (
    "import os\nif os.environ.get('K_REVISION'):\n    raise RuntimeError('%s')\n\n"
    "def main(request):\n    return 1\n"
)


def failed(there: platform.Platform, manifest: dict[str, Any]) -> str:
    """Apply a manifest that must fail with exit code 5; what the command said."""
    done = there.run("apply", "-f", "-", "--wait", text=json.dumps(manifest))
    assert done.returncode == 5, f"{done.returncode}\n{done.stdout}\n{done.stderr}\n{there.logs()}"
    return done.stderr


def condition(there: platform.Platform, name: str) -> dict[str, str]:
    """The Ready condition of a Function."""
    found = there.json("functions", name)["status"]["conditions"]
    return next(entry for entry in found if entry["type"] == "Ready")


@pytest.mark.parametrize(
    ("name", "files", "reason"),
    [
        ("bad-main", {"other.txt": "x"}, "SourceNotFound"),
        ("bad-name", {"main.py": "def mian(request):\n    return 1\n"}, "FunctionNotFound"),
        ("bad-syntax", {"main.py": "def main(request:\n    return 1\n"}, "SyntaxError"),
        ("bad-go", {"go.mod": "module x\n", "main.go": "package main\n"}, "BuilderUnsupported"),
    ],
)
def test_a_source_that_cannot_be_built_says_why(
    there: platform.Platform, name: str, files: dict[str, str], reason: str
) -> None:
    manifest = platform.inline(name, "")
    manifest["spec"]["build"]["srcRepo"]["inline"] = files
    said = failed(there, manifest)
    assert reason in said
    assert condition(there, name)["reason"] == reason
    assert there.ofn("logs", name, "--build")


def test_a_requirement_that_does_not_exist_is_named(there: platform.Platform) -> None:
    manifest = platform.inline("bad-dep", GOOD)
    manifest["spec"]["build"]["srcRepo"]["inline"]["requirements.txt"] = (
        "no-such-distribution-ofn-test==9.9\n"
    )
    said = failed(there, manifest)
    assert "DependencyFailed" in said
    assert "no-such-distribution-ofn-test" in said


def test_a_foreign_image_says_what_would_make_it_run(there: platform.Platform) -> None:
    manifest = platform.inline("bad-image", "")
    del manifest["spec"]["build"]
    manifest["spec"]["image"] = "example/foreign:v1"
    assert "ImageNotRunnable" in failed(there, manifest)


def test_every_error_of_a_manifest_is_reported_and_nothing_is_stored(there: platform.Platform) -> None:
    manifest = platform.inline("bad-manifest", GOOD)
    manifest["spec"]["image"] = ""
    manifest["spec"]["build"]["srcRepo"] = {}
    manifest["spec"]["serving"]["scaleOptions"] = {"minReplicas": 20}
    done = there.run("apply", "-f", "-", text=json.dumps(manifest))
    assert done.returncode == 1
    for path in ("spec.image", "spec.build.srcRepo", "spec.serving.scaleOptions.minReplicas"):
        assert path in done.stderr, done.stderr
    assert there.run("get", "functions", "bad-manifest").returncode == 3


@pytest.mark.parametrize(
    ("version", "kind", "says"),
    [
        ("core.openfunction.io/v1beta1", "Function", "v1beta2"),
        ("core.openfunction.io/v1beta2", "Functoin", "no kind Functoin"),
        ("kafka.strimzi.io/v1beta2", "Kafka", "no kind Kafka"),
    ],
)
def test_a_wrong_kind_or_version_says_what_would_be_right(
    there: platform.Platform, version: str, kind: str, says: str
) -> None:
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}
    done = there.run("apply", "-f", "-", text=json.dumps(manifest))
    assert done.returncode == 1
    assert says in done.stderr


def test_a_handler_that_raises_answers_500_and_logs_the_traceback(there: platform.Platform) -> None:
    there.apply(platform.inline("bad-raise", "def main(request):\n    raise ValueError('secret detail')\n"))
    answer = platform.request(there.address("bad-raise"))
    assert answer.status == 500
    assert b"secret detail" not in answer.body
    platform.until(
        lambda: "secret detail" in there.ofn("logs", "bad-raise"), seconds=10, what="traceback in the log"
    )


def test_a_handler_that_hangs_answers_504_and_the_next_request_is_served(there: platform.Platform) -> None:
    code = (
        "import threading\n\ndef main(request):\n    if request.args.get('hang'):\n"
        "        threading.Event().wait()\n    return 'ok'\n"
    )
    there.apply(platform.inline("bad-hang", code, triggers={"http": {"timeoutSeconds": 1}}))
    address = there.address("bad-hang")
    assert platform.request(f"{address}?hang=1").status == 504
    assert platform.request(address).body == b"ok"


def test_a_function_that_ends_at_import_is_not_ready_and_its_last_lines_are_shown(
    there: platform.Platform,
) -> None:
    said = failed(there, platform.inline("bad-crash", BROKEN % "no such model"))
    assert "no such model" in said


def test_a_broken_new_version_leaves_the_old_one_serving(there: platform.Platform) -> None:
    there.apply(platform.inline("bad-update", GOOD))
    failed(there, platform.inline("bad-update", BROKEN % "broken"))
    assert platform.request(there.address("bad-update")).body == b"good"
    failed(there, platform.inline("bad-update", "def main(request:\n"))
    assert platform.request(there.address("bad-update")).body == b"good"


def test_names_that_do_not_exist_get_near_matches(there: platform.Platform) -> None:
    there.apply(platform.inline("bad-near", GOOD))
    done = there.run("invoke", "bad-neer")
    assert done.returncode == 3
    assert "did you mean bad-near" in done.stderr


def test_a_second_up_says_that_it_runs_already(there: platform.Platform) -> None:
    done = there.run("up", "-d")
    assert done.returncode == 1
    assert "already runs" in done.stderr


def test_a_manifest_as_published_is_accepted_with_warnings(there: platform.Platform) -> None:
    manifest = platform.inline("as-published", GOOD)
    manifest["spec"]["image"] = "<your registry name>/as-published:v1"
    manifest["spec"]["imageCredentials"] = {"name": "push-secret"}
    manifest["spec"]["build"]["builder"] = "openfunction/builder:v1"
    manifest["spec"]["build"]["env"] = {
        "GOOGLE_FUNCTION_TARGET": "main",
        "GOOGLE_FUNCTION_SIGNATURE_TYPE": "http",
        "GOOGLE_FUNCTION_SOURCE": "main.py",
    }
    # a MarkupSafe that only Flask before 2.2 takes, and that its framework stands without
    pins = "functions-framework==1.4.3\nmarkupsafe==2.0.1\n"
    manifest["spec"]["build"]["srcRepo"]["inline"]["requirements.txt"] = pins
    manifest["spec"]["serving"]["runtime"] = "knative"
    done = there.run("apply", "-f", "-", "--wait", text=json.dumps(manifest))
    assert done.returncode == 0, done.stderr
    assert "spec.serving.runtime: is deprecated" in done.stderr
    assert "placeholder" in done.stderr
    assert platform.request(there.address("as-published")).body == b"good"
    assert "is satisfied by openfunction-functions-framework" in there.ofn("logs", "as-published", "--build")
