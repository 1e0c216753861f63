"""The program: its flags, its ports, its end, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from openfunction_eventing.sidecar import settings
from openfunction_eventing.sidecar.settings import SettingError
from tests.eventing.sidecar.conftest import App, serving
from tests.waiting import until, until_async

BUS = '{"kind": "Component", "metadata": {"name": "bus"}, "spec": {"type": "pubsub.in-memory"}}'


async def is_well(http: httpx.AsyncClient) -> bool:
    return (await http.get("/v1.0/healthz")).status_code == 204


@asynccontextmanager
async def program(folder: Path, *flags: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    ports = folder / "ports.json"
    resources = folder / "resources"
    resources.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openfunction_eventing.sidecar", "--app-id", "app", "--dapr-http-port", "0",
        "--dapr-grpc-port", "0", "--port-file", str(ports), "--resources-path", str(resources), *flags,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process, ports
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_it_brings_events_and_settles_what_is_under_way_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "bus.yaml").write_text(BUS)
    app, release = App([{"pubsubname": "bus", "topic": "t", "route": "/on"}]), asyncio.Event()
    plain = app.handle

    async def slow(request: object) -> object:
        if getattr(request, "path", "") == "/on":
            await release.wait()
        return await plain(request)  # type: ignore[arg-type]  # a request of aiohttp's

    app.handle = slow  # type: ignore[method-assign, assignment]  # the app's own, made slow
    async with serving(app), program(tmp_path, "--app-port", str(app.port)) as (process, ports):
        await until(ports.exists)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{json.loads(ports.read_bytes())['http']}"
        ) as http:
            await until(lambda: ("GET", "/dapr/subscribe") in [one[:2] for one in app.asked])
            await until_async(lambda: is_well(http))
            await http.post("/v1.0/publish/bus/t", content=b"x")
            process.terminate()
            assert (await http.get("/v1.0/healthz/outbound")).status_code == 204
        release.set()
        _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, log.decode()
    assert len(app.bodies("/on")) == 1
    assert b"not all was settled" not in log


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            '{"kind": "Component", "metadata": {"name": "b"}, "spec": {"type": "pubsub.jetstraem"}}',
            "did you mean",
        ),
        ("{", "cannot be read"),
    ],
)
async def test_it_says_why_it_cannot_start(tmp_path: Path, document: str, words: str) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a.yaml").write_text(document)
    async with program(tmp_path) as (process, ports):
        _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    last = log.decode().splitlines()[-1]
    assert last.startswith("openfunction: SidecarFailed: ")  # what the platform shows as the container's end
    assert words in last
    assert "Traceback" not in log.decode()
    assert not ports.exists()


def test_the_flags_are_daprds() -> None:
    flags = "--app-id a --app-port 8080 --app-protocol grpc --http-port 1 --grpc-port 2 --resources-path x,y --mode k"
    told, rest = settings.read([*flags.split(), "--max-body-size", "16Mi"], {"DAPR_API_TOKEN": "t"})
    assert (told.app_id, told.app_port, told.app_protocol) == ("a", 8080, "grpc")
    assert (told.http_port, told.grpc_port, told.token) == (1, 2, "t")
    assert (told.resources, told.max_body, rest) == ((Path("x"), Path("y")), 16 << 20, ["--mode", "k"])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--app-id is missing"),
        (["--app-id", "a", "--peer", "b"], "id=host:port"),
        (["--app-id", "a", "--max-body-size", "4Q"], "16Mi"),
        (["--app-id", "a", "--app-protocol", "batch"], "--app-socket"),
    ],
)
def test_a_wrong_flag_is_named(flags: list[str], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        settings.read(flags, {})
