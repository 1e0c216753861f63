"""Large answers in gzip where a client asks for it, by the same rule on both servers."""

from __future__ import annotations

import pytest

from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.kube.client import Client

LARGE, SMALL = 150_000, 100_000


async def encoding_of(client: Client, namespace: str, size: int, accepted: str, *, query: str = "") -> str:
    """The Content-Encoding of a list that holds a ConfigMap of a size; the client unpacks and reads it."""
    body = {"metadata": {"name": "a", "namespace": namespace}, "data": {"a": "b" * size}}
    await client.create(ConfigMap.model_validate(body))
    path = f"/api/v1/namespaces/{namespace}/configmaps{query}"
    code, raw, headers = await client.raw("GET", path, headers={"Accept-Encoding": accepted})
    assert (code, b"b" * size in raw) == (200, True)
    found = {name.lower(): value for name, value in headers.items()}
    if "content-encoding" in found:
        assert found["vary"] == "Accept-Encoding"
    return found.get("content-encoding", "")


@pytest.mark.parametrize(
    ("size", "accepted", "encoding"),
    [
        (LARGE, "gzip", "gzip"),
        (LARGE, "br, gzip", "gzip"),
        (LARGE, "identity", ""),
        (LARGE, "gzip;q=0", ""),
        (LARGE, "br", ""),
        (SMALL, "gzip", ""),
    ],
)
async def test_what_is_large_is_packed_when_asked_for(
    wire_client: Client, namespace: str, size: int, accepted: str, encoding: str
) -> None:
    assert await encoding_of(wire_client, namespace, size, accepted) == encoding


async def test_a_watch_is_never_packed(wire_client: Client, namespace: str) -> None:
    query = "?watch=1&timeoutSeconds=1&resourceVersion=0"
    assert await encoding_of(wire_client, namespace, LARGE, "gzip", query=query) == ""
