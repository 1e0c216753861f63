"""The line from a manifest to an answer, on a whole platform."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HELLO = "def main(request):\n    return {'hello': request.args.get('name', 'World')}\n"


def names(there: platform.Platform, kind: str, function: str) -> list[str]:
    items = there.json(kind, "-l", f"openfunction.io/function={function}")["items"]
    return [item["metadata"]["name"] for item in items]


def test_a_function_in_a_manifest_answers(there: platform.Platform) -> None:
    there.apply(platform.inline("line-hello", HELLO))
    assert json.loads(there.ofn("invoke", "line-hello", "--path", "/?name=you")) == {"hello": "you"}


def test_both_address_forms_answer_curl_and_python(there: platform.Platform) -> None:
    there.apply(platform.inline("line-forms", HELLO))
    addresses = there.json("functions", "line-forms")["status"]["addresses"]
    external = [address["value"] for address in addresses if address["type"] == "External"]
    assert len(external) == 2
    for address in external:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", address], capture_output=True, text=True, check=False
        )
        assert json.loads(done.stdout) == {"hello": "World"}, done.stderr
    assert json.loads(platform.request(there.address("line-forms")).body) == {"hello": "World"}


def test_a_host_name_of_the_users_own_is_routed(there: platform.Platform) -> None:
    route = {"hostnames": ["line.example.com"]}
    there.apply(platform.inline("line-named", HELLO, triggers={"http": {"route": route}}))
    addresses = there.json("functions", "line-named")["status"]["addresses"]
    (own,) = [address["value"] for address in addresses if "line.example.com" in address["value"]]
    port = own.rpartition(":")[2].rstrip("/")
    resolved = ["--resolve", f"line.example.com:{port}:127.0.0.1"]
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", *resolved, own], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == {"hello": "World"}, done.stderr


def test_applying_the_same_manifest_twice_changes_nothing(there: platform.Platform) -> None:
    manifest = platform.inline("line-twice", HELLO)
    there.apply(manifest)
    before = (
        there.json("functions", "line-twice")["metadata"]["generation"],
        names(there, "builders", "line-twice"),
    )
    there.apply(manifest)
    after = (
        there.json("functions", "line-twice")["metadata"]["generation"],
        names(there, "builders", "line-twice"),
    )
    assert before == after


def test_a_local_folder_is_packed_and_built(there: platform.Platform, tmp_path: Path) -> None:
    there.ofn("new", "line-folder", "--folder", str(tmp_path / "line-folder"))
    there.ofn("apply", "-f", str(tmp_path / "line-folder"), "--wait")
    assert json.loads(there.ofn("invoke", "line-folder")) == {"message": "Hello, World!"}
    image = there.json("functions", "line-folder")["spec"]["build"]["srcRepo"]["bundleContainer"]["image"]
    assert "@sha256:" in image


def test_a_git_repository_is_built_at_a_revision_and_sub_path(
    there: platform.Platform, tmp_path: Path
) -> None:
    folder = tmp_path / "repo" / "functions" / "one"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(HELLO)
    git = ["git", "-C", str(tmp_path / "repo"), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    manifest = platform.inline("line-git", "")
    url = f"file://{tmp_path}/repo"
    manifest["spec"]["build"]["srcRepo"] = {"url": url, "revision": "trunk", "sourceSubPath": "functions/one"}
    there.apply(manifest)
    assert json.loads(there.ofn("invoke", "line-git")) == {"hello": "World"}


def test_deleting_a_function_leaves_no_child(there: platform.Platform) -> None:
    there.apply(platform.inline("line-gone", HELLO))
    there.ofn("delete", "line-gone")
    kinds = ("builders", "servings", "deployments", "revisions", "routes", "services", "pods", "configmaps")

    def left() -> list[str]:
        found = [f"{kind}/{item['metadata']['name']}" for kind in kinds for item in there.json(kind)["items"]]
        return [name for name in found if "/line-gone" in name]

    platform.until(lambda: not left(), seconds=30, what="no child left of the deleted function")


def test_an_update_builds_again_and_a_changed_scale_does_not(there: platform.Platform) -> None:
    there.apply(platform.inline("line-change", HELLO))
    first = names(there, "builders", "line-change")
    there.apply(platform.inline("line-change", HELLO, scaleOptions={"maxReplicas": 3}))
    assert names(there, "builders", "line-change") == first
    there.apply(platform.inline("line-change", HELLO.replace("hello", "bye")))
    assert json.loads(there.ofn("invoke", "line-change")) == {"bye": "World"}


def test_params_secrets_and_context_reach_the_function(there: platform.Platform) -> None:
    code = "import os\n\ndef main(request):\n    return {k: os.environ[k] for k in ('GREETING', 'FUNC_CONTEXT')}\n"
    there.apply(platform.inline("line-params", code, params={"GREETING": "a=b #c"}))
    answer = json.loads(there.ofn("invoke", "line-params"))
    assert answer["GREETING"] == "a=b #c"
    assert json.loads(answer["FUNC_CONTEXT"])["name"] == "line-params"


def test_an_async_and_a_cloudevent_function_answer(there: platform.Platform) -> None:
    code = (
        "import functions_framework\n\n\n@functions_framework.cloud_event\nasync def main(event):\n"
        "    return {'type': event['type'], 'data': event.data}\n"
    )
    there.apply(platform.inline("line-event", code))
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/t", "ce-type": "t.one"}
    answer = platform.request(
        there.address("line-event"), body=b'{"n": 1}', headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.status in (200, 204), answer
