"""Commands of ofn on a running platform: what they print, and the exit code that goes with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TALKATIVE = """\
def main(request):
    print("line", request.args.get("n"), flush=True)
    return "code", int(request.args.get("code", 200))
"""


@pytest.fixture(scope="module")
def talkative(there: platform.Platform) -> str:
    """A function that writes a line per request and answers with the status it is asked for."""
    manifest = platform.inline("cli-talk", TALKATIVE)
    manifest["metadata"]["labels"] = {"team": "red"}
    there.apply(manifest)
    return "cli-talk"


def instances(there: platform.Platform, name: str) -> list[Any]:
    found: list[Any] = there.json(
        "pods", "-l", f"openfunction.io/function={name},serving.knative.dev/revision"
    )["items"]
    return found


def test_the_current_context_stays_what_it_was(there: platform.Platform) -> None:
    text = Path(there.environ["KUBECONFIG"]).read_text()
    assert "name: openfunction" in text
    assert "current-context: ''" in text


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["get", "fn", ""], 2, "'' is no name of an object"),
        (["delete", ""], 2, "'' is no name of an object"),
        (["delete", "functions", ""], 2, "'' is no name of an object"),
        (["delete", "../cli-talk"], 1, "no kind called '..'"),
        (["delete"], 2, "nothing is named"),
        (["describe", ""], 2, "'' is no name of an object"),
        (["get", "fn/cli-talk/status"], 2, "is no name of an object"),
        (["get", "fn", "-o", "wrong"], 2, "wide, json, yaml or name"),
        (["get", "fn", "-n", "a/b"], 2, "is no name of a namespace"),
        (["get", "fn", "-l", "!!x"], 1, "unable to parse requirement"),
        (["get", "nosuch"], 1, "no kind called 'nosuch'"),
        (["get", "fn", "cli-tolk"], 3, "did you mean cli-talk?"),
        (["invoke", "cli-talk", "-X", "B AD"], 2, "is no HTTP method"),
        (["invoke", "cli-talk", "-H", "a: b\nc: d"], 2, "is no header"),
        (["invoke", "cli-talk", "-d", "@/absent"], 1, "/absent cannot be read"),
        (["invoke", "cli-talk", "--timeout", "nan"], 2, "is no number of seconds"),
        (["invoke", "cli-talk", "--path", "/?code=404"], 5, "cli-talk answered 404"),
        (["create", "x", "--source", "samples/inline", "--env", "A"], 2, "KEY=VALUE"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(
    there: platform.Platform, talkative: str, words: list[str], code: int, says: str
) -> None:
    done = there.run(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert says in done.stderr
    assert there.json("fn", talkative)["metadata"]["name"] == talkative


def test_a_path_may_be_written_as_people_write_it(there: platform.Platform, talkative: str) -> None:
    assert there.ofn("invoke", talkative, "--path", "/a b?n=é&code=201") == "code"


def test_selectors_and_namespaces_choose_what_is_listed(there: platform.Platform, talkative: str) -> None:
    named = f"function.core.openfunction.io/{talkative}\n"
    assert there.ofn("get", "fn", "-l", "team=red", "-o", "name") == named
    assert there.ofn("get", "fn", "-l", "team=blue", "-o", "name") == ""
    assert there.ofn("get", "fn", "-A", "-l", "team=red").startswith("NAMESPACE ")


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_get_prints_can_be_applied_again(there: platform.Platform, talkative: str, form: str) -> None:
    before = there.json("fn", talkative)["metadata"]["generation"]
    listed = there.ofn("get", "fn", "-l", "team=red", "-o", form)
    there.ofn("apply", "-f", "-", text=listed)
    assert there.json("fn", talkative)["metadata"]["generation"] == before


def test_a_name_that_get_prints_is_understood(there: platform.Platform, talkative: str) -> None:
    name = there.ofn("get", "fn", "-l", "team=red", "-o", "name").strip()
    assert there.ofn("describe", name).startswith(f"Name:        {talkative}\n")


def test_a_namespace_and_what_lives_in_it_can_be_applied_together(there: platform.Platform) -> None:
    text = (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: cli-new}, data: {on: 2020-01-01}}\n"
        "---\n{apiVersion: v1, kind: Namespace, metadata: {name: cli-new}}\n"
    )
    there.ofn("apply", "-f", "-", text=text)
    assert there.json("configmaps", "c", "-n", "cli-new")["data"] == {"true": "2020-01-01"}
    there.ofn("delete", "-f", "-", text=text)


def test_a_namespace_of_the_command_and_another_of_the_manifest_is_refused(there: platform.Platform) -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: default}}"
    done = there.run("apply", "-f", "-", "-n", "other", text=text)
    assert done.returncode == 1
    assert "belongs to namespace default, and -n says other" in done.stderr


def test_delete_goes_on_after_a_name_that_is_not_there(there: platform.Platform) -> None:
    for name in ("one", "two"):
        there.ofn(
            "apply", "-f", "-", text=json.dumps(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"cli-{name}"}}
            )
        )  # fmt: skip
    done = there.run("delete", "cm", "cli-one", "cli-absent", "cli-two")
    assert done.returncode == 3
    assert done.stdout == "configmap cli-one deleted\nconfigmap cli-two deleted\n"
    again = there.run("delete", "cm", "cli-one", "cli-two", "--ignore-not-found")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_logs_outlive_the_instance_and_follow_the_next_one(there: platform.Platform, talkative: str) -> None:
    with tempfile.TemporaryFile() as out:
        follower = subprocess.Popen(
            [sys.executable, "-m", "openfunction_py.cli", "logs", "-f", talkative],
            env=there.environ, cwd=platform.ROOT, stdout=out,
        )  # fmt: skip

        def followed() -> bytes:
            return os.pread(out.fileno(), 1 << 20, 0)

        try:
            there.ofn("invoke", talkative, "--path", "/?n=first")
            platform.until(lambda: b"line first" in followed(), seconds=20, what="first line followed")
            platform.until(lambda: not instances(there, talkative), seconds=60, what="zero", every=0.5)
            assert "line first" in there.ofn("logs", talkative)
            there.ofn("invoke", talkative, "--path", "/?n=second")
            platform.until(lambda: b"line second" in followed(), seconds=20, what="second line followed")
        finally:
            follower.send_signal(signal.SIGINT)
            code = follower.wait(20)
    assert code == 130


def test_a_build_log_is_told_from_the_instances(there: platform.Platform, talkative: str) -> None:
    assert "DONE in" in there.ofn("logs", talkative, "--build")
    assert "DONE in" not in there.ofn("logs", talkative)


def test_create_serves_a_folder_and_says_what_fails_in_it(there: platform.Platform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import os\n\ndef main(request):\n    return os.environ['WORD']\n\ndef other(request):\n    return 1\n"
    )
    there.ofn("create", "cli-made", "--source", str(tmp_path), "--env", "WORD=a=b")
    assert there.ofn("invoke", "cli-made") == "a=b"
    done = there.run("create", "cli-made", "--source", str(tmp_path), "--function", "absent")
    assert done.returncode == 5
    assert "FunctionNotFound" in done.stderr
    assert "ofn logs cli-made --build" in done.stderr
    there.ofn("delete", "cli-made")


def test_a_reader_that_goes_away_is_no_fault(there: platform.Platform, talkative: str) -> None:
    script = f"{sys.executable} -m openfunction_py.cli get pods | head -0"
    done = subprocess.run(
        ["bash", "-c", script],
        env=there.environ,
        cwd=platform.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_what_another_context_says_is_never_asked(there: platform.Platform) -> None:
    done = there.run("get", "fn", "--context", "absent")
    assert done.returncode == 4
    assert "no context named absent" in done.stderr
