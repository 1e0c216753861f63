"""Files made, read, listed and removed by a real daprd and by our sidecar: the same answers, and the same files."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions_framework.dapr.stubs import api, grpc
from tests.conformance.dapr.daprd import TOKENS, Daprd, Ours, component, program, until
from tests.conformance.dapr.test_same import content
from tests.conformance.dapr.test_same_grpc import ask, is_well

_ROOT = "<root>"


def over_http(operation: str, name: str | None = None, data: Any = None) -> dict[str, Any]:
    metadata = {} if name is None else {"fileName": name}
    return {"operation": operation, "data": data, "metadata": metadata}


def over_grpc(operation: str, name: str, data: bytes = b"") -> Any:
    return api.InvokeBindingRequest(name="files", operation=operation, data=data, metadata={"fileName": name})


# In the order of asking; a message is asked over gRPC.
QUESTIONS: list[Any] = [
    over_http("list"),
    over_http("create", "a.txt", "hello!"),
    over_http("get", "a.txt"),
    over_http("create", "deep/er/b.bin", b64encode(b"\x00\xff").decode()),
    over_http("get", "deep/er/b.bin"),
    over_http("create", "word", "test"),
    over_http("get", "word"),
    over_http("create", "quoted", 'a "b"\n\t<&>\u2028\U0001f600'),
    over_http("get", "quoted"),
    over_http("create", "number", 12.5),
    over_http("get", "number"),
    over_http("create", "object", {"a": [1, None, True]}),
    over_http("get", "object"),
    over_http("create", "nothing"),
    over_http("create", "empty", ""),
    over_http("get", "empty"),
    over_http("create", "../../out", "x"),
    over_http("create", "/out2", "x"),
    over_http("create", "deep/./../out3/", "x"),
    over_http("create", "up/out4", "x"),
    over_http("create", "away/out5", "x"),
    over_http("create", "deep", "x"),
    over_http("create", "a.txt/below", "x"),
    over_http("create", "round", "x"),
    over_http("create", "n" * 300, "x"),
    over_http("create", "a\x00b", "x"),
    over_http("list"),
    over_http("list", "deep"),
    over_http("list", "a.txt"),
    over_http("list", "none"),
    over_http("get"),
    over_http("get", "none"),
    over_http("get", "deep"),
    over_http("delete", "none"),
    over_http("delete", "deep"),
    over_http("delete", "deep/er/b.bin"),
    over_http("delete", "deep/er"),
    over_http("delete"),
    over_http("copy", "a.txt"),
    over_http("CREATE", "a.txt"),
    over_grpc("create", "g", b"\x00\xff"),
    over_grpc("get", "g"),
    over_grpc("create", "g", b'"\\x41\\101\\u00e4\xff"'),
    over_grpc("get", "g"),
    over_grpc("create", "g", b"`raw\\n\r`"),
    over_grpc("get", "g"),
    over_grpc("create", "g", b"'\\''"),
    over_grpc("get", "g"),
    over_grpc("create", "g", b"'ab'"),
    over_grpc("get", "g"),
    over_grpc("create", "g", b'"\\ud800"'),
    over_grpc("get", "g"),
    over_grpc("create", "g", b"aGVs\nbG8h"),
    over_grpc("get", "g"),
    over_grpc("create", "g", b"aGVsbG8"),
    over_grpc("get", "g"),
    over_grpc("delete", "g"),
    over_grpc("get", "g"),
    over_http("list"),
]


@dataclass(frozen=True, slots=True)
class One:
    """A sidecar and its folder."""

    http: httpx.Client
    channel: Any
    root: Path

    def ask(self, question: Any) -> Any:
        """Status and answer, without the root's own name."""
        if isinstance(question, dict):
            asked = self.http.post("/v1.0/bindings/files", content=content(question))
            if asked.status_code >= 400:
                return asked.status_code, asked.json()["errorCode"]
            return asked.status_code, asked.content.replace(str(self.root).encode(), _ROOT.encode())
        code, answer = ask(self.channel, "InvokeBinding", question)
        return code, json.loads(json.dumps(answer).replace(str(self.root), _ROOT))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[One]]:
    """Dapr's own, then ours."""
    program()
    running, made = list[Daprd](), list[One]()
    try:
        for kind in (Daprd, Ours):
            folder = tmp_path_factory.mktemp(kind.__name__)
            root = folder / "files"
            root.mkdir()
            (root / "up").symlink_to("../../..")
            (root / "away").symlink_to("/deep")
            (root / "round").symlink_to("round")
            running.append(
                kind(folder, 0, "http", [component("files", "bindings.localstorage", rootPath=root)])
            )
            running[-1].write()
            running[-1].start()
            made.append(opened(running[-1], root))
        yield made
    finally:
        for one in made:
            one.http.close()
            one.channel.close()
        for sidecar in running:
            sidecar.stop()


def opened(sidecar: Daprd, root: Path) -> One:
    until(lambda: is_well(sidecar.ports[0]), "the sidecar is up")
    headers = {"dapr-api-token": TOKENS["DAPR_API_TOKEN"]}
    http = httpx.Client(base_url=f"http://127.0.0.1:{sidecar.ports[0]}", headers=headers, timeout=20)
    return One(http, grpc.insecure_channel(f"127.0.0.1:{sidecar.ports[1]}"), root)


def identity(number: int) -> str:
    question = QUESTIONS[number]
    if isinstance(question, dict):
        return f"{number}-{question['operation']}"
    return f"{number}-grpc-{question.operation}"


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=identity)
def test_the_answer_is_the_same(
    both: list[One], number: int, record_property: Callable[[str, object], None]
) -> None:
    theirs, here = (one.ask(QUESTIONS[number]) for one in both)
    record_property("dapr", "same")
    assert here == theirs


def test_the_files_are_the_same(both: list[One], record_property: Callable[[str, object], None]) -> None:
    theirs, here = (held(one.root) for one in both)
    record_property("dapr", "same")
    assert here == theirs
    assert here["out4"] == b"x"


def held(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
