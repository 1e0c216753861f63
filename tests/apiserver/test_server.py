"""The server as a process: starting again, stopping, a full disk, old Events, certificates."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

from openfunction_py.apiserver import expiry, pki, server, testing
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.store import Store
from openfunction_py.lib import clock
from openfunction_py.lib.home import Home
from tests.apiserver.api import Api


async def test_stopping_ends_the_watches_that_are_open(tmp_path: Path) -> None:
    home = Home(tmp_path / "ofn")
    home.ensure()
    with Store(home.store) as store:
        deps = Dependencies(store, testing.admit, pki.users(home), testing.NoLogs(), clock.SystemClock())
        async with server.listening(home, host="127.0.0.1", port=0, deps=deps) as port:
            reader, writer = await _watch(home, port)
            assert store.watchers == 1
        rest = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert rest.endswith(b"0\r\n\r\n")
        assert store.watchers == 0


async def _watch(home: Home, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A watch whose answer has begun."""
    context = ssl.create_default_context(cafile=str(home.ca_cert))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    token = home.token("admin").read_text()
    writer.write(
        f"GET /api/v1/namespaces?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"ADDED")
    return reader, writer


def test_a_full_disk_is_a_status_with_a_sentence(tmp_path: Path) -> None:
    with testing.start(tmp_path) as running:
        api = Api(running)
        writer = running.store._database._writer
        writer.execute(f"PRAGMA max_page_count = {writer.execute('PRAGMA page_count').fetchone()[0]}")
        code, body = api.call(
            "POST", api.config_maps(), {"metadata": {"name": "a"}, "data": {"a": "x" * 500_000}}
        )
        assert (code, body["reason"], body["kind"]) == (507, "InsufficientStorage", "Status")
        assert "is full; nothing of this write is stored" in body["message"]
        assert api.call("GET", api.config_maps("a"))[0] == 404
        writer.execute("PRAGMA max_page_count = 1000000")
        api.create_map("a")


def test_a_second_start_keeps_identities_and_writes_nothing(tmp_path: Path) -> None:
    with testing.start(tmp_path) as running:
        before = (
            running.home.ca_cert.read_bytes(),
            running.home.token("admin").read_bytes(),
            running.store.revision,
        )
    with testing.start(tmp_path) as running:
        after = (
            running.home.ca_cert.read_bytes(),
            running.home.token("admin").read_bytes(),
            running.store.revision,
        )
    assert before == after


def test_a_certificate_is_renewed_before_it_expires_by_the_same_authority(tmp_path: Path) -> None:
    home = Home(tmp_path)
    now = clock.SystemClock().now()
    pki.ensure(home, now=now - timedelta(days=380))
    authority, old = home.ca_cert.read_bytes(), pki.server_cert(home).read_bytes()
    pki.ensure(home, now=now)
    assert home.ca_cert.read_bytes() == authority
    assert pki.server_cert(home).read_bytes() != old


def test_another_host_makes_another_certificate(tmp_path: Path) -> None:
    home = Home(tmp_path)
    pki.ensure(home)
    old = pki.server_cert(home).read_bytes()
    pki.ensure(home, ("laptop.local",))
    assert pki.server_cert(home).read_bytes() != old
    again = pki.server_cert(home).read_bytes()
    pki.ensure(home, ("laptop.local",))
    assert pki.server_cert(home).read_bytes() == again


async def test_events_are_kept_for_an_hour(tmp_path: Path) -> None:
    fake = clock.FakeClock()
    with testing.start(tmp_path, testing.Parts(clock=fake)) as running:
        api = Api(running)
        path = "/api/v1/namespaces/default/events"
        start = clock.timestamp(fake.now())
        api.ok("POST", path, {"metadata": {"name": "old"}, "lastTimestamp": start})
        api.ok("POST", path, {"metadata": {"name": "odd"}, "lastTimestamp": "no time at all"})
        fake.advance(3000)
        api.patch(f"{path}/odd", {"lastTimestamp": clock.timestamp(fake.now())})
        fake.advance(1000)
    with Store(running.home.store) as store:
        await expiry.sweep(store, fake.now() - expiry.LIFETIME)
        assert [row.name for row in store.page("events").rows] == ["odd"]


def test_an_event_with_a_damaged_time_counts_from_its_creation() -> None:
    event = {"metadata": {"creationTimestamp": "2024-01-01T00:00:00Z"}, "lastTimestamp": "soon"}
    assert expiry.last_seen(event) == clock.EPOCH
