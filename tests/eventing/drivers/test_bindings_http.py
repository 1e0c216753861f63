"""The HTTP binding against a real server: methods, headers, paths, statuses, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiohttp import web

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.bindings_http import Http
from openfunction_eventing.drivers.port import BindingError
from tests.eventing import brokers


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    if request.path == "/big":
        return web.Response(body=b"x" * 5000)
    headers = {
        "X-Method": request.method,
        "X-Path": request.path,
        "X-Seen": request.headers.get("X-Ours", ""),
    }
    headers["X-Type"] = request.headers.get("Content-Type", "")
    headers["X-Trace"] = request.headers.get("traceparent", "")
    headers["X-Token"] = request.headers.get("Authorization", "")
    status = int(request.path.removeprefix("/status/")) if request.path.startswith("/status/") else 200
    return web.Response(status=status, body=body, headers=headers)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def opened(url: str, **metadata: str) -> Http:
    return cast(
        "Http", await drivers.open(Component("web", "bindings.http", metadata={"url": url, **metadata}))
    )


@pytest.mark.capability("write")
async def test_create_posts_the_data_and_returns_the_answer(address: str) -> None:
    binding = await opened(address + "/base/")
    answer = await binding.invoke(
        "create", b'{"a":1}', {"path": "/more", "X-Ours": "yes", "traceparent": "00-1"}
    )
    await binding.close()
    told = answer.metadata
    assert answer.data == b'{"a":1}'
    assert (told["statusCode"], told["status"]) == ("200", "200 OK")
    assert (told["X-Method"], told["X-Path"], told["X-Seen"]) == ("POST", "/base/more", "yes")
    assert (told["X-Type"], told["X-Trace"]) == ("application/json; charset=utf-8", "00-1")


@pytest.mark.parametrize("operation", ["get", "delete", "put", "PATCH", "options"])
async def test_the_operation_is_the_method(address: str, operation: str) -> None:
    binding = await opened(address)
    answer = await binding.invoke(operation, b"data", {})
    await binding.close()
    assert answer.metadata["X-Method"] == operation.upper()
    assert answer.data == (b"data" if operation.lower() in ("put", "patch") else b"")


async def test_a_security_token_goes_in_its_header(address: str) -> None:
    binding = await opened(address, securityToken="secret", securityTokenHeader="Authorization")
    answer = await binding.invoke("get", b"", {})
    await binding.close()
    assert answer.metadata["X-Token"] == "secret"


@pytest.mark.capability("failure told")
async def test_another_status_is_an_error_unless_it_is_wanted(address: str) -> None:
    binding = await opened(address)
    with pytest.raises(BindingError, match="status 503") as told:
        await binding.invoke("get", b"", {"path": "status/503"})
    assert told.value.status == 503
    answer = await binding.invoke("get", b"", {"path": "status/503", "errorIfNot2XX": "false"})
    await binding.close()
    assert answer.metadata["statusCode"] == "503"


async def test_an_answer_is_read_as_far_as_allowed(address: str) -> None:
    binding = await opened(address, maxResponseBodySize="2Ki")
    answer = await binding.invoke("get", b"", {"path": "big"})
    await binding.close()
    assert answer.data == b"x" * 2048


@pytest.mark.capability("failure told")
async def test_an_unknown_operation_and_a_dead_address_are_told() -> None:
    binding = await opened(f"http://127.0.0.1:{brokers.free_port()}")
    with pytest.raises(BindingError, match="there is no operation 'fly'; there are create, get"):
        await binding.invoke("fly", b"", {})
    with pytest.raises(BindingError, match=r"GET http://127\.0\.0\.1:\d+ failed"):
        await binding.invoke("get", b"", {})
    await binding.close()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "'url' is missing"),
        ({"url": "ftp://x"}, "must begin with http"),
        ({"url": "http://x", "errorIfNot2XX": "perhaps"}, "'errorIfNot2XX' is 'perhaps'"),
        ({"url": "http://x", "maxResponseBodySize": "big"}, "'maxResponseBodySize' is 'big'"),
        ({"url": "http://x", "MTLSClientCert": "/x"}, "go together"),
        ({"url": "http://x", "MTLSRootCA": "/not/there"}, "cannot be read"),
    ],
)
async def test_wrong_metadata_is_named(metadata: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentError) as told:
        await drivers.open(Component("web", "bindings.http", metadata=metadata))
    assert said in str(told.value)
