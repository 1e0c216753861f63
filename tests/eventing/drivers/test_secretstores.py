"""Secret stores: the environment, a file, and a Kubernetes API that answers as the real one does."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.port import SecretStore, StoreError
from tests.eventing import brokers


async def opened(kind: str, **metadata: str) -> SecretStore:
    return cast("SecretStore", await drivers.open(Component("secrets", kind, metadata=metadata)))


@pytest.mark.capability("get", driver="secretstores.local.env")
async def test_the_environment_below_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_OFN_A", "1")
    monkeypatch.setenv("DAPR_API_TOKEN", "mine")
    store = await opened("secretstores.local.env", prefix="TEST_OFN_")
    assert await store.get("A", {}) == {"A": "1"}
    assert await store.get("B", {}) == {"B": ""}
    assert await store.all({}) == {"A": {"A": "1"}}
    whole = await opened("secretstores.local.env")
    assert await whole.get("DAPR_API_TOKEN", {}) == {"DAPR_API_TOKEN": ""}
    assert "DAPR_API_TOKEN" not in await whole.all({})


DOCUMENT = {"plain": "x", "db": {"user": "u", "deep": {"port": 5}}, "list": ["a", True]}


@pytest.mark.capability("get", driver="secretstores.local.file")
async def test_a_file_has_flat_names(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(DOCUMENT))
    store = await opened("secretstores.local.file", secretsFile=str(tmp_path / "s.json"), nestedSeparator=".")
    flat = {"plain": "x", "db.user": "u", "db.deep.port": "5", "list.0": "a", "list.1": "true"}
    assert await store.all({}) == {name: {name: value} for name, value in flat.items()}
    assert await store.get("db.user", {}) == {"db.user": "u"}
    assert await store.get("db", {}) is None


@pytest.mark.capability("get", driver="secretstores.local.file")
async def test_a_file_with_several_values_each(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"plain": "x", "db": DOCUMENT["db"]}))
    store = await opened("secretstores.local.file", secretsFile=str(tmp_path / "s.json"), multiValued="true")
    assert await store.all({}) == {"plain": {"plain": "x"}, "db": {"user": "u", "deep:port": "5"}}


@pytest.mark.capability("failure told", driver="secretstores.local.file")
async def test_a_file_that_is_missing_or_no_object_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bad.json").write_text("{")
    for name, said in (
        ("none.json", "cannot be read"),
        ("list.json", "a JSON object"),
        ("bad.json", "is no JSON"),
    ):
        with pytest.raises(ComponentError, match=said):
            await opened("secretstores.local.file", secretsFile=str(tmp_path / name))


def secret(name: str, **data: str) -> dict[str, object]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name}, "data": encoded}


async def answer(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != "Bearer right":
        return web.json_response({"kind": "Status", "message": "Unauthorized"}, status=401)
    known = {
        "/api/v1/namespaces/team/secrets/db": secret("db", user="u", password="p"),
        "/api/v1/namespaces/other/secrets/db": secret("db", user="o"),
        "/api/v1/namespaces/team/secrets": {"items": [secret("db", user="u"), secret("empty")]},
    }
    found = known.get(request.path)
    return web.json_response(found) if found else web.json_response({"message": "not found"}, status=404)


@pytest.fixture
async def api() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def kubeconfig(folder: Path, server: str, token: str = "right") -> str:
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(document))
    return str(folder / "kubeconfig")


@pytest.mark.capability("get", driver="secretstores.kubernetes")
async def test_kubernetes_secrets_are_found_in_their_namespace(api: str, tmp_path: Path) -> None:
    store = await opened("secretstores.kubernetes", kubeconfigPath=kubeconfig(tmp_path, api))
    assert await store.get("db", {}) == {"user": "u", "password": "p"}
    assert await store.get("db", {"namespace": "other"}) == {"user": "o"}
    assert await store.get("none", {}) is None
    assert await store.all({}) == {"db": {"user": "u"}, "empty": {}}
    await store.close()


@pytest.mark.capability("failure told", driver="secretstores.kubernetes")
async def test_a_refusal_and_a_dead_api_are_told(api: str, tmp_path: Path) -> None:
    store = await opened("secretstores.kubernetes", kubeconfigPath=kubeconfig(tmp_path, api, "wrong"))
    with pytest.raises(StoreError, match=r"answered 401 .*Unauthorized"):
        await store.get("db", {})
    await store.close()
    dead = f"http://127.0.0.1:{brokers.free_port()}"
    store = await opened("secretstores.kubernetes", kubeconfigPath=kubeconfig(tmp_path, dead))
    with pytest.raises(StoreError, match="cannot be asked"):
        await store.get("db", {})
    assert store.health()
    await store.close()


async def test_outside_of_a_pod_a_kubeconfig_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ComponentError, match="'kubeconfigPath' names one"):
        await opened("secretstores.kubernetes")
