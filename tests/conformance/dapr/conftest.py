"""A function and its sidecar, for each app protocol; started once for all cases of it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.dapr.daprd import (
    TOKENS,
    Daprd,
    Ours,
    component,
    free_ports,
    program,
    redis,
    retrying,
    until,
)
from tests.framework.conftest import environment


def pytest_terminal_summary(terminalreporter: Any) -> None:  # Any: pytest's own, which has no public type
    """How many questions were put to both sidecars, and how many answers differ."""
    passed = terminalreporter.stats.get("passed", [])
    told = [value for one in passed for name, value in one.user_properties if name == "dapr"]
    failed = [one for one in terminalreporter.stats.get("failed", []) if "test_same" in one.nodeid]
    if told or failed:
        listed = told.count("differs")
        terminalreporter.write_line(
            f"dapr: {len(told) + len(failed)} questions put to daprd and to our sidecar; {told.count('same')} answers "
            f"are the same, {listed} differ as docs/dapr.md says, {len(failed)} differ besides"
        )


_SOURCE = Path(__file__).with_name("functions.py")


def _topic(topic: str, **metadata: str) -> dict[str, Any]:
    return {"uri": topic, "componentName": "bus", "componentType": "pubsub.in-memory", "metadata": metadata}


CONTEXT = {
    "name": "app",
    "version": "v1",
    "runtime": "Knative",
    "inputs": {
        "events": _topic("events", deadLetterTopic="dead"),
        "dead": _topic("dead"),
        "raw": _topic("raw", rawPayload="true"),
        "bulk": _topic("bulk", bulkSubscribe="true", maxMessagesCount="10", maxAwaitDurationMs="50"),
        "tick": {"uri": "tick", "componentName": "tick", "componentType": "bindings.cron"},
    },
    "outputs": {
        "events": _topic("events"),
        "raw": _topic("raw", rawPayload="true"),
        "bulk": _topic("bulk"),
        "nowhere": {"uri": "t", "componentName": "nowhere", "componentType": "pubsub.in-memory"},
        "file": {
            "componentName": "files", "componentType": "bindings.localstorage", "operation": "create",
            "metadata": {"fileName": "sent.txt"},
        },
    },
    "states": {"store": {"componentName": "store", "componentType": "state.in-memory"}},
}  # fmt: skip


@dataclass
class Pair:
    """A function with its sidecar."""

    protocol: str
    port: int
    folder: Path
    sidecar: Daprd

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def do(self, what: str, **given: Any) -> Any:
        """Have the function do something; gives its result, or what went wrong."""
        told = httpx.post(f"http://127.0.0.1:{self.port}/do", json={"do": what, "with": given}, timeout=60)
        assert told.status_code == 200, told.text
        answer = told.json()
        return answer.get("result", answer)

    def seen(self, name: str) -> list[dict[str, Any]]:
        """What came by an input so far; data decoded."""
        return [
            {**one, "data": base64.b64decode(one["data"])}
            for one in self.get("/seen").json()
            if one["input"] == name
        ]

    def until(self, name: str, enough: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
        """What came by an input, once it is enough."""
        until(lambda: enough(self.seen(name)), f"enough came by {name}")
        return self.seen(name)

    def ready(self) -> bool:
        return self.get("/readyz").status_code == 200


@pytest.fixture(scope="package")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A redis-server of the suite's own."""
    port, folder = free_ports(1)[0], tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [redis(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    yield port
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="package", params=["daprd-http", "daprd-grpc", "ours-http", "ours-grpc"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The function of functions.py and its sidecar, both up: Dapr's own, or ours."""
    whose, protocol = request.param.split("-")
    redis_port = 0
    if whose == "daprd":
        program()
        redis_port = request.getfixturevalue("redis_port")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "secrets.json").write_text(json.dumps({"key": "value", "other": "hidden"}))
    app_port = free_ports(1)[0]
    redis_host = f"127.0.0.1:{redis_port}"
    sidecar = {"daprd": Daprd, "ours": Ours}[whose](folder, app_port, protocol, [
        component("bus", "pubsub.in-memory"),
        retrying("bus"),
        component("tick", "bindings.cron", schedule="@every 1s", direction="input"),
        component("files", "bindings.localstorage", rootPath=folder / "files", direction="output"),
        component("store", "state.in-memory"),
        component("secrets", "secretstores.local.file", secretsFile=folder / "secrets.json"),
        component("settings", "configuration.redis", redisHost=redis_host),
        component("locks", "lock.redis", redisHost=redis_host),
    ])  # fmt: skip
    sidecar.write()
    env = environment(
        FUNC_CONTEXT=json.dumps(CONTEXT), APP_PROTOCOL=protocol, DAPR_HTTP_PORT=str(sidecar.ports[0]),
        DAPR_GRPC_PORT=str(sidecar.ports[1]), PORT=str(app_port), **TOKENS,
    )  # fmt: skip
    log = (folder / "function.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "functions_framework", "--source", str(_SOURCE), "--target", "function",
         "--host", "127.0.0.1"],
        stderr=log, env=env,
    )  # fmt: skip
    made = Pair(protocol, app_port, folder, sidecar)
    sidecar.start()
    try:
        until(lambda: _answers(made) and made.ready(), "function and sidecar are up")
        # Daprd's own memory forgets what is published before somebody has subscribed.
        until(lambda: _subscribed(made), "the sidecar has subscribed")
        yield made
    finally:
        process.terminate()
        ended = process.wait(20)
        sidecar.stop()
        log.close()
        assert ended == 0, (folder / "function.log").read_text()


def _answers(made: Pair) -> bool:
    try:
        made.get("/healthz")
    except httpx.TransportError:
        return False
    return True


def _subscribed(made: Pair) -> bool:
    headers = {"dapr-api-token": TOKENS["DAPR_API_TOKEN"]}
    told = httpx.get(f"http://127.0.0.1:{made.sidecar.ports[0]}/v1.0/metadata", headers=headers, timeout=30)
    return len(told.json().get("subscriptions") or ()) == 4
