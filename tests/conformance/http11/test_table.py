"""Every row of the table, and the same rows against uvicorn."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.http11 import table, wire
from tests.conformance.http11.conftest import asgi, framework

# Where we answer otherwise than uvicorn, on purpose.
_HOST_RULE = "RFC 9112 §3.2: a missing, doubled or malformed Host is refused with 400"
_LIMIT = "a limit that uvicorn does not have"
_CUT = "a request that ends in the middle is told so (RFC 9112 §8); uvicorn closes"
DIFFERENCES: dict[str, str] = {
    "OPTIONS of the server": "RFC 9110 §9.3.7: it asks the server, not a function",
    "a star for another method": "RFC 9112 §3.2.4: the asterisk form is for OPTIONS alone",
    "the absolute form without a path": "RFC 9112 §3.2.2: the absolute form must be accepted; no path is /",
    "the absolute form with a bad authority": "RFC 9110 §4.2.4: a user in the authority is refused",
    "CONNECT": "501 says that this is no proxy; uvicorn calls it invalid",
    "no version": "an unknown version is refused with 505 (RFC 9110 §15.6.6); uvicorn answers as HTTP/1.1",
    "version 0.9": "as above",
    "version 2.0": "as above",
    "more fields than the limit": _LIMIT,
    "fields larger than the limit": _LIMIT,
    "a target larger than the limit": "414 says what is wrong; uvicorn says 400",
    "no host": _HOST_RULE,
    "two hosts": _HOST_RULE,
    "a host with a user": _HOST_RULE,
    "a host with a path": _HOST_RULE,
    "two hosts in one field": _HOST_RULE,
    "a host with a space": _HOST_RULE,
    "a host whose port is no number": _HOST_RULE,
    "a length above the limit": _LIMIT,
    "chunks above the limit": _LIMIT,
    "an endless extension": _LIMIT,
    "endless trailers": _LIMIT,
    "an unknown coding before chunked": "RFC 9112 §6.1: 501; uvicorn gives the coded body to the application",
    "chunks of an old client": "RFC 9112 §6.1: a coding of HTTP/1.0 is faulty framing",
    "an unknown expectation": "RFC 9110 §10.1.1: 417",
    "an expectation of an old client": "RFC 9110 §10.1.1: it is ignored; uvicorn sends an interim answer",
    "an expectation of a body above the limit": _LIMIT,
    "a good request, then a bad one": "what came before an error is answered first; uvicorn drops it",
    "an old client that asks is kept": "uvicorn keeps no connection of HTTP/1.0",
    "an upgrade to something unknown, with a body and the next request": "uvicorn drops the body and what follows",
    "an upgrade to something unknown, with a body in chunks": "as above",
    "an upgrade to something unknown, and the next request": "uvicorn drops what follows an ignored upgrade",
    "a request cut in its head": _CUT,
    "a request cut in its body": _CUT,
    "a request cut between its chunks": _CUT,
}


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.name)
async def test_a_row(row: table.Row) -> None:
    async with framework() as port:
        seen = await wire.play(port, row)
    assert tuple(seen.statuses) == row.statuses
    assert seen.open == row.open
    if row.bodies:
        assert tuple(seen.bodies) == row.bodies


async def test_an_error_leaves_other_connections_alone() -> None:
    bad = [row for row in table.ROWS if not row.open]
    good = table.Row("a plain request", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", (200,), table.OPEN)
    async with framework() as port, asyncio.TaskGroup() as group:
        played = [group.create_task(wire.play(port, row)) for row in (*bad, good) * 2]
        await asyncio.wait(played)
        assert (await wire.play(port, good)).open


async def test_the_differences_to_uvicorn_are_those_listed() -> None:
    found = {}
    async with framework() as ours, asgi() as theirs:
        for row in table.ROWS:
            one, other = await wire.play(ours, row), await wire.play(theirs, row)
            good = all(status < 300 for status in one.statuses)
            same = (one.statuses, one.open) == (other.statuses, other.open)
            if not same or (good and one.bodies != other.bodies):
                found[row.name] = (one, other)
    unlisted = found.keys() ^ DIFFERENCES.keys()
    assert not unlisted, {name: found.get(name) for name in unlisted}
