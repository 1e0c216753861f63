"""How slices are kept, what the open-loop client measures, and that the C server is what it says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from tests.bench import contenders, openloop, slices, steal
from tests.bench.slices import Slice


def one(stolen: float) -> Slice:
    return Slice(rate=1.0, half=1.0, p99=1.0, cpu=1.0, stolen=stolen)


@pytest.mark.parametrize(
    ("stolen", "kept"),
    [
        ((0.0, 0.01, 0.05, 0.5), [0.0, 0.01, 0.05]),  # enough clean ones: the spoiled is left out
        ((0.5, 0.2, 0.0, 0.3), [0.0, 0.2, 0.3]),  # too few: the three least stolen
        ((0.3,), [0.3]),
    ],
)
def test_only_steal_decides_which_slices_count(stolen: tuple[float, ...], kept: list[float]) -> None:
    assert [item.stolen for item in slices.kept([one(share) for share in stolen])] == kept


def test_a_spoiled_slice_is_taken_again_at_most_twice() -> None:
    shares = iter([0.0, 0.9, 0.9, 0.01, 0.9, 0.9, 0.9])
    found = slices.taken({"a": lambda: one(next(shares))}, 2)
    assert [item.stolen for item in found["a"]] == [0.01, 0.9, 0.9]
    assert next(shares, None) is None


def test_no_round_begins_when_the_time_is_over() -> None:
    taken: list[int] = []

    def turn() -> Slice:
        taken.append(1)
        return one(0.0)

    assert len(slices.taken({"a": turn}, 5, seconds=-1.0)["a"]) == 0
    assert len(taken) == 1  # the one that warms it
    assert len(slices.taken({"a": turn}, 5, seconds=60.0)["a"]) == 5


def test_the_share_is_that_of_the_processor_that_lost_most() -> None:
    before = {"cpu0": (10, 1000), "cpu1": (0, 1000)}
    assert steal.share(before, {"cpu0": (15, 1100), "cpu1": (20, 1100)}) == pytest.approx(0.2)
    assert steal.share(before, before) == 0.0


async def test_every_offered_request_is_counted_once() -> None:
    handlers: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        latencies = await openloop.offered(port, 200.0, 0.5)
        await asyncio.wait(filter(None, handlers))
    assert len(latencies) == 100
    assert all(latency > 0 for latency in latencies)


def test_the_c_server_gives_the_same_answer(tmp_path: Path) -> None:
    known = contenders.Contender("limit", (str(contenders.limit()), "{port}"), tmp_path)
    with (
        contenders.up([known], cpu=None) as running,
        socket.create_connection(("127.0.0.1", running["limit"].port)) as line,
    ):
        line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.recv(4096).endswith(b'\r\n\r\n{"message":"Hello, World!"}')
