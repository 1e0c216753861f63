"""The same questions to a real daprd and to our sidecar: the same answers over HTTP, status, code and body."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conformance.dapr.daprd import TOKENS, Daprd, component, free_ports, program, until
from tests.eventing.sidecar.conftest import running

# What a question sets up comes before it; each is (method, path, body, headers).
Question = tuple[str, str, Any, dict[str, str]]
QUESTIONS: list[Question] = [
    ("GET", "/v1.0/healthz", None, {}),
    ("GET", "/v1.0/healthz/outbound", None, {}),
    ("GET", "/v1.0/healthz?appid=other", None, {}),
    ("POST", "/v1.0/publish/bus/t", "x", {}),
    ("PUT", "/v1.0/publish/bus/a/b", "x", {}),
    ("POST", "/v1.0/publish/none/t", "x", {}),
    ("POST", "/v1.0/publish/bus/t?metadata.rawPayload=true", "x", {}),
    ("POST", "/v1.0/publish/bus/t?metadata.ttlInSeconds=5", "x", {}),
    ("POST", "/v1.0/publish/bus/t", {"a": 1}, {"content-type": "application/json"}),
    ("POST", "/v1.0/publish/bus/t", "", {}),
    ("POST", "/v1.0/publish/bulk/none/t", [{"entryId": "1", "event": "a", "contentType": "text/plain"}], {}),
    ("POST", "/v1.0/publish/bulk/bus/hidden", [{"entryId": "1", "event": "a", "contentType": "text/plain"}], {}),
    ("POST", "/v1.0/publish/bulk/bus/t", [], {}),
    ("POST", "/v1.0/publish/bus/t?metadata.rawPayload=maybe", "x", {}),
    ("POST", "/v1.0/publish/bus/t", "{", {"content-type": "application/cloudevents+json"}),
    ("POST", "/v1.0/publish/bus/hidden", "x", {}),
    ("POST", "/v1.0/publish/bulk/bus/t", [{"entryId": "1", "event": "a", "contentType": "text/plain"}], {}),
    ("POST", "/v1.0-alpha1/publish/bulk/bus/t", [{"entryId": "1", "event": {}, "contentType": "application/json"}], {}),
    ("POST", "/v1.0/publish/bulk/bus/t", [{"event": "a", "contentType": "text/plain"}], {}),
    ("POST", "/v1.0/publish/bulk/bus/t", [{"entryId": "1", "event": 1, "contentType": "text/plain"}], {}),
    ("POST", "/v1.0/publish/bulk/bus/t", "{", {}),
    ("POST", "/v1.0/bindings/none", {"operation": "create", "data": 1}, {}),
    ("POST", "/v1.0/bindings/files", {"data": 1}, {}),
    ("POST", "/v1.0/bindings/files", "{", {}),
    ("POST", "/v1.0/state/store", [{"key": "k", "value": {"n": 1}}], {}),
    ("GET", "/v1.0/state/store/k", None, {}),
    ("GET", "/v1.0/state/store/none", None, {}),
    ("GET", "/v1.0/state/none/k", None, {}),
    ("POST", "/v1.0/state/store", "{", {}),
    ("POST", "/v1.0/state/store", [{"value": 1}], {}),
    ("POST", "/v1.0/state/store", [], {}),
    ("POST", "/v1.0/state/store", [{"key": "a||b", "value": 1}], {}),
    ("POST", "/v1.0/state/store", [{"key": "k", "value": 2, "etag": "99"}], {}),
    ("POST", "/v1.0/state/store", [{"key": "k", "value": 2, "options": {"concurrency": "first-write"}}], {}),
    ("DELETE", "/v1.0/state/store/k", None, {"if-match": "99"}),
    ("POST", "/v1.0/state/store", [{"key": "t", "value": 1, "metadata": {"ttlInSeconds": "soon"}}], {}),
    ("POST", "/v1.0/state/store", [{"key": "t", "value": 1, "metadata": {"ttlInSeconds": "100"}}], {}),
    ("PUT", "/v1.0/state/store", [{"key": "p", "value": "x"}], {}),
    ("POST", "/v1.0/state/none", [{"key": "p", "value": "x"}], {}),
    ("POST", "/v1.0/state/store/bulk", {"keys": ["p"]}, {}),
    ("POST", "/v1.0/state/none/bulk", {"keys": ["p"]}, {}),
    ("POST", "/v1.0/state/store/bulk", "{", {}),
    ("POST", "/v1.0/state/store/bulk", {"keys": []}, {}),
    ("POST", "/v1.0/state/store/bulk", {"keys": ["none"]}, {}),
    ("POST", "/v1.0/state/store/transaction",
     {"operations": [{"operation": "upsert", "request": {"key": "m", "value": 5}}]}, {}),
    ("POST", "/v1.0/state/store/transaction",
     {"operations": [{"operation": "upsert", "request": {"key": "m", "value": 5, "etag": "99"}}]}, {}),
    ("POST", "/v1.0/state/store/transaction", {"operations": [{"operation": "merge", "request": {}}]}, {}),
    ("POST", "/v1.0/state/store/transaction", {"operations": []}, {}),
    ("POST", "/v1.0/state/store/transaction", "{", {}),
    ("POST", "/v1.0-alpha1/state/store/query", {}, {}),
    ("DELETE", "/v1.0/state/store/m", None, {}),
    ("DELETE", "/v1.0/state/store/none", None, {}),
    ("DELETE", "/v1.0/state/none/k", None, {}),
    ("POST", "/v1.0/state/none/transaction", {"operations": []}, {}),
    ("POST", "/v1.0/state/store/transaction",
     {"operations": [{"operation": "upsert", "request": {"key": "m", "value": 5}},
                     {"operation": "delete", "request": {"key": "m"}}]}, {}),
    ("GET", "/v1.0/state/store/m", None, {}),
    ("GET", "/v1.0/secrets/secrets/key", None, {}),
    ("GET", "/v1.0/secrets/secrets/bulk", None, {}),
    ("GET", "/v1.0/secrets/secrets/none", None, {}),
    ("GET", "/v1.0/secrets/none/key", None, {}),
    ("GET", "/v1.0/secrets/none/bulk", None, {}),
    ("PUT", "/v1.0/metadata/colour", "red", {}),
    ("GET", "/elsewhere", None, {}),
    ("GET", "/v1.0/invoke/none", None, {}),
]  # fmt: skip


def content(body: Any) -> bytes | None:
    return None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A daprd without an app."""
    program()
    folder = tmp_path_factory.mktemp("same")
    (folder / "secrets.json").write_text(json.dumps({"key": "value", "two": "b"}))
    sidecar = Daprd(folder, free_ports(1)[0], "http", [
        component("bus", "pubsub.in-memory", protectedTopics="hidden"),
        component("files", "bindings.localstorage", rootPath=folder / "files", direction="output"),
        component("store", "state.in-memory"),
        component("secrets", "secretstores.local.file", secretsFile=folder / "secrets.json"),
    ])  # fmt: skip
    sidecar.write()
    start(sidecar)
    headers = {"dapr-api-token": TOKENS["DAPR_API_TOKEN"]}
    with httpx.Client(base_url=f"http://127.0.0.1:{sidecar.ports[0]}", headers=headers, timeout=20) as client:
        until(lambda: is_well(client), "daprd is up")
        yield client
    sidecar.stop()


def is_well(client: httpx.Client) -> bool:
    try:
        return client.get("/v1.0/healthz").status_code == 204
    except httpx.TransportError:
        return False


def start(sidecar: Daprd) -> None:
    """As Daprd.start, with no app to wait for."""
    http_port, grpc_port, internal_port = sidecar.ports
    with (sidecar.folder / "daprd.log").open("ab") as log:
        sidecar.process = subprocess.Popen(
            [program(), "--mode", "standalone", "--app-id", "app", "--config", str(sidecar.folder / "config.yaml"),
             "--resources-path", str(sidecar.folder / "resources"), "--dapr-http-port", str(http_port),
             "--dapr-grpc-port", str(grpc_port), "--dapr-internal-grpc-port", str(internal_port),
             "--dapr-internal-grpc-listen-address", "127.0.0.1", "--dapr-listen-addresses", "127.0.0.1",
             "--enable-metrics=false"],
            stdout=log, stderr=log, env={**os.environ, **TOKENS, "DAPR_HOST_IP": "127.0.0.1"},
        )  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ours() -> AsyncIterator[httpx.AsyncClient]:
    async with running() as made:
        yield made.http


def told(answer: httpx.Response) -> tuple[int, str, Any]:
    """What must be the same: the status, the code of an error, else the body."""
    body = answer.json() if answer.content else None
    if answer.status_code >= 400 and isinstance(body, dict):
        return answer.status_code, str(body.get("errorCode")), None
    return answer.status_code, "", without_etags(body)


def without_etags(body: Any) -> Any:
    if isinstance(body, list):
        return [without_etags(one) for one in body]
    return {key: value for key, value in body.items() if key != "etag"} if isinstance(body, dict) else body


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "question",
    QUESTIONS,
    ids=[f"{n}-{one[0]}-{one[1]}" for n, one in enumerate(QUESTIONS)],
)
async def test_the_answer_is_the_same(
    real: httpx.Client,
    ours: httpx.AsyncClient,
    question: Question,
    record_property: Callable[[str, object], None],
) -> None:
    method, path, body, headers = question
    record_property("dapr", "same")
    theirs = await asyncio.to_thread(real.request, method, path, content=content(body), headers=headers)
    here = await ours.request(method, path, content=content(body), headers=headers)
    assert told(here) == told(theirs), (theirs.text, here.text)
