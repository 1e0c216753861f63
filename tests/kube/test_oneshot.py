"""The transport of one command, against a small server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from aiohttp import web

from openfunction_py.kube import errors
from openfunction_py.kube.oneshot import OneShot
from tests.kube.fake_api import LISTS, FakeApi


async def test_requests_share_one_connection(api: FakeApi) -> None:
    door = OneShot(api.endpoint)
    for _ in range(2):
        code, body = await asyncio.to_thread(door.request, "GET", LISTS, params={"limit": "1"})
        assert (code, json.loads(body)["items"]) == (200, [])
    peers = {request.transport and request.transport.get_extra_info("peername") for request in api.requests}
    door.close()
    assert len(api.asked(limit="1")) == 2
    assert api.requests[0].headers["Authorization"] == "Bearer first"
    assert len(peers) == 1


async def test_a_connection_closed_while_idle_is_dialled_again(api: FakeApi) -> None:
    door = OneShot(api.endpoint)
    await asyncio.to_thread(door.request, "GET", LISTS)
    await api.stop()
    await api.start()
    assert (await asyncio.to_thread(door.request, "GET", LISTS))[0] == 200
    door.close()


async def test_a_refusal_is_an_answer(api: FakeApi) -> None:
    api.refuse(404, "NotFound")
    door = OneShot(api.endpoint)
    code, body = await asyncio.to_thread(door.request, "DELETE", LISTS)
    door.close()
    assert (code, json.loads(body)["reason"]) == (404, "NotFound")


async def test_a_server_that_is_down_is_unreachable(api: FakeApi) -> None:
    await api.stop()
    with pytest.raises(errors.Unreachable, match="no answer from"):
        await asyncio.to_thread(OneShot(api.endpoint).request, "GET", LISTS)


async def test_a_stream_yields_lines_as_they_come(api: FakeApi) -> None:
    await api.put("a")
    lines = OneShot(api.endpoint).stream("GET", LISTS, params={"watch": "true", "resourceVersion": "1"})
    assert json.loads(await asyncio.to_thread(next, lines))["type"] == "ADDED"
    await api.remove("a")
    assert json.loads(await asyncio.to_thread(next, lines))["type"] == "DELETED"
    await asyncio.to_thread(lines.close)  # type: ignore[attr-defined]  # it is a generator


async def test_a_stream_that_is_refused_raises(api: FakeApi) -> None:
    api.refusals.append(web.json_response({"reason": "Forbidden", "message": "no"}, status=403))
    with pytest.raises(errors.Forbidden, match="no"):
        await asyncio.to_thread(next, OneShot(api.endpoint).stream("GET", LISTS))


def test_costs_no_import_of_the_heavy_packages() -> None:
    program = (
        "import sys; from openfunction_py.kube import oneshot, config; "
        "print([name for name in ('aiohttp', 'pydantic', 'yaml', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
