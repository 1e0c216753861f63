"""An answer in pieces is made in the context of its call, so that what the call set can be taken back at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.framework.loaded import served

APPLICATION = """
import contextvars
name = contextvars.ContextVar("name")

def pieces(token):
    try:
        for _ in range(3):
            yield name.get().encode()
    finally:
        name.reset(token)
"""
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return pieces(name.set(environ["QUERY_STRING"]))
"""
FLASK = """
import flask
def application(request):
    return flask.Response(pieces(name.set(request.query_string.decode())), mimetype="text/plain")
"""


@pytest.mark.parametrize("written", [WSGI, FLASK], ids=["wsgi", "flask"])
async def test_pieces_are_made_in_the_context_of_the_call(tmp_path: Path, written: str) -> None:
    async with served(tmp_path, APPLICATION + written, target="application") as site:
        client = await site.client()
        await client.send(b"GET /?ab HTTP/1.0\r\nhost: x\r\n\r\n")
        answer = await client.reader.read()
        client.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.partition(b"\r\n\r\n")[2] == b"ababab"
