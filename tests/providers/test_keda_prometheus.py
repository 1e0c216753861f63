"""The scaler prometheus against a server that answers as Prometheus does, and shows how it was asked."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.lib import clock
from openfunction_py.providers.keda import certificates
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.providers.keda.readers import Readers
from tests.providers import house as houses

NOW = clock.SystemClock().now()


class Server:
    """Answers each question with the same result, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.status = 200
        self.data: Any = vector("7.5")

    async def answer(self, request: web.Request) -> web.Response:
        """What it was told to say."""
        self.asked.append(request)
        return web.json_response({"status": "success", "data": self.data}, status=self.status)


def vector(*values: str) -> dict[str, Any]:
    """An instant vector."""
    result = [{"metric": {"n": str(n)}, "value": [1700000000, value]} for n, value in enumerate(values)]
    return {"resultType": "vector", "result": result}


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    """The server and its address."""
    one, app = Server(), web.Application()
    app.router.add_get("/under/api/v1/query", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield one, f"http://127.0.0.1:{runner.addresses[0][1]}/under/"
    await runner.cleanup()


def look(address: str, **metadata: str) -> Look:
    """A trigger."""
    given = {"serverAddress": address, "query": 'sum(x{a="b"})', "threshold": "5", **metadata}
    return Look("default", "p", "prometheus", given)


async def test_the_one_value_is_compared_with_the_thresholds(
    fresh: houses.House, server: tuple[Server, str]
) -> None:
    one, address = server
    readers = Readers(fresh.manager, fresh.instances)
    assert await readers.read(look(address), NOW) == Reading(7.5, 5, active=True)
    assert await readers.read(look(address, activationThreshold="7.5"), NOW) == Reading(7.5, 5, active=False)
    assert one.asked[0].query["query"] == 'sum(x{a="b"})'
    one.data = {"resultType": "scalar", "result": [1700000000, "3"]}
    assert (await readers.read(look(address), NOW)).value == 3
    one.data = vector()
    assert (await readers.read(look(address), NOW)).value == 0
    with pytest.raises(ScalerError, match="the query gives no value"):
        await readers.read(look(address, ignoreNullValues="false"), NOW)
    one.data = vector("1", "2")
    with pytest.raises(ScalerError, match="the query gives 2 values"):
        await readers.read(look(address), NOW)


async def test_headers_parameters_and_credentials_are_sent(
    fresh: houses.House, server: tuple[Server, str]
) -> None:
    one, address = server
    readers = Readers(fresh.manager, fresh.instances)
    more = {
        "namespace": "shop",
        "queryParameters": "a=1, b=2",
        "customHeaders": "X-One=1,X-Two=2",
        "cortexOrgID": "org",
        "authModes": "basic",
        "username": "me",
        "password": "right",
    }
    await readers.read(look(address, **more), NOW)
    seen = one.asked[-1]
    assert (seen.query["namespace"], seen.query["a"], seen.query["b"]) == ("shop", "1", "2")
    assert [seen.headers[name] for name in ("X-One", "X-Two", "X-Scope-OrgID")] == ["1", "2", "org"]
    assert seen.headers["Authorization"] == f"Basic {base64.b64encode(b'me:right').decode()}"
    await readers.read(look(address, authModes="bearer", bearerToken="t"), NOW)
    assert one.asked[-1].headers["Authorization"] == "Bearer t"
    await readers.read(look(address, bearerToken="t"), NOW)
    assert "Authorization" not in one.asked[-1].headers, "KEDA shows it only where authModes says so"
    custom = {"authModes": "custom", "customAuthHeader": "X-Key", "customAuthValue": "v"}
    await readers.read(look(address, **custom), NOW)
    assert one.asked[-1].headers["X-Key"] == "v"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"threshold": ""}, "has no threshold"),
        ({"threshold": "many"}, "threshold of the trigger p is no number"),
        ({"serverAddress": "prometheus:9090"}, "is no URL; write http://host:port"),
        ({"authModes": "kerberos"}, "authModes of the trigger p has kerberos; there are bearer, basic"),
        ({"authModes": "bearer"}, "has no bearerToken"),
        ({"customHeaders": "X"}, "customHeaders of the trigger p has 'X'; write name=value"),
        ({"authModes": "tls", "cert": "no", "key": "no"}, "certificates of the trigger p cannot be read"),
    ],
)
async def test_metadata_that_is_wrong_is_told(
    fresh: houses.House, metadata: dict[str, str], said: str
) -> None:
    with pytest.raises(ScalerError, match=said):
        await Readers(fresh.manager, fresh.instances).read(look("http://127.0.0.1:1", **metadata), NOW)


async def test_an_answer_that_is_none_is_told(fresh: houses.House, server: tuple[Server, str]) -> None:
    one, address = server
    readers, one.data = Readers(fresh.manager, fresh.instances), "nothing"
    with pytest.raises(ScalerError, match="none of Prometheus"):
        await readers.read(look(address), NOW)
    one.status = 422
    with pytest.raises(ScalerError, match="answers 422"):
        await readers.read(look(address), NOW)


def test_unsafe_tls_trusts_everybody_and_nothing_else_does() -> None:
    safe = certificates.context(look("https://p"), own=False)
    unsafe = certificates.context(look("https://p", unsafeSsl="true"), own=False)
    assert (safe.verify_mode, safe.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (unsafe.verify_mode, unsafe.check_hostname) == (ssl.CERT_NONE, False)
