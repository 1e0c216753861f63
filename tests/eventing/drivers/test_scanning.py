"""What a NATS server sends, cut into messages: whatever the pieces, in order, and everything else to the library."""

from __future__ import annotations

from typing import Any, cast

import pytest
from nats.aio.client import Client
from nats.errors import ProtocolError

from openfunction_eventing.drivers.jetstream import outbox, scanning
from openfunction_eventing.drivers.jetstream.scanning import Scanner

Heard = list[tuple[Any, ...]]
SENT = (
    b"MSG a.b 1 5\r\nhello\r\n"
    b"PING\r\n"
    b"MSG a.b 1 $JS.ACK.x 4\r\n\r\n\r\n\r\n"
    b"HMSG a.b 1 12 16\r\nNATS/1.0\r\n\r\nbody\r\n"
    b"+OK\r\n"
    b"HMSG a.b 1 r 16 16\r\nNATS/1.0 100\r\n\r\n\r\n"
    b"MSG other 2 3\r\nlib\r\n"
    b"MSG a.b 1 0\r\n\r\n"
)
EXPECTED = [
    ("a.b", "", b"", b"hello"),
    ("ping",),
    ("a.b", "$JS.ACK.x", b"", b"\r\n\r\n"),
    ("a.b", "", b"NATS/1.0\r\n\r\n", b"body"),
    ("a.b", "r", b"NATS/1.0 100\r\n\r\n", b""),
    ("library", 2, b"other", b"lib"),
    ("a.b", "", b"", b""),
]


class Library:
    """The side of the client that the library's parser calls."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.scanner: Scanner | None = None

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, head: object) -> None:
        assert (reply, head) == (b"", None)
        self.heard.append(("library", sid, subject, data))

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_err(self, said: str) -> None:
        self.heard.append(("error", said))
        assert self.scanner is not None
        self.scanner.reset()  # as the client does when it connects again


def scanner() -> tuple[Scanner, Heard]:
    heard: Heard = []
    library = Library(heard)
    made = library.scanner = Scanner(cast("Client", library))
    made.handlers[1] = lambda *told: heard.append(told)
    return made, heard


@pytest.mark.parametrize("size", [1, 2, 3, 11, 64, 4096])
async def test_messages_are_whole_and_in_order_whatever_the_pieces(size: int) -> None:
    made, heard = scanner()
    for at in range(0, len(SENT), size):
        await made.parse(SENT[at : at + size])
    assert heard == EXPECTED


async def test_a_large_message_comes_in_many_pieces() -> None:
    made, heard = scanner()
    body = bytes(range(256)) * 4096
    sent = b"MSG a 1 %d\r\n%b\r\nPING\r\n" % (len(body), body)
    for at in range(0, len(sent), 32768):
        await made.parse(sent[at : at + 32768])
    assert heard == [("a", "", b"", body), ("ping",)]


async def test_what_came_on_a_connection_that_is_no_more_is_forgotten() -> None:
    made, heard = scanner()
    await made.parse(b"-ERR 'Stale Connection'\r\nMSG a 1 2\r\nno\r\n")
    await made.parse(b"MSG a 1 3\r\nyes\r\n")
    assert heard == [("error", "'stale connection'"), ("a", "", b"", b"yes")]


async def test_a_handler_that_fails_does_not_end_the_connection() -> None:
    def fail(*_: object) -> None:
        raise ValueError("no")

    made, heard = scanner()
    made.handlers[3] = fail
    await made.parse(b"MSG a 3 1\r\nx\r\nMSG a 1 1\r\ny\r\n")
    assert heard == [("a", "", b"", b"y")]


async def test_what_is_no_nats_is_an_error_of_the_protocol() -> None:
    made, _ = scanner()
    with pytest.raises(ProtocolError):
        await made.parse(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (b"", {}),
        (b"NATS/1.0\r\nA: b\r\nNats-Msg-Id:c: d\r\n\r\n", {"A": "b", "Nats-Msg-Id": "c: d"}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (
            b"NATS/1.0 409 Consumer Deleted\r\nNats-Pending-Messages: 4\r\n\r\n",
            {"Status": "409", "Nats-Pending-Messages": "4"},
        ),
    ],
)
def test_header_blocks_are_read(block: bytes, fields: dict[str, str]) -> None:
    assert scanning.headers(block) == fields


def test_a_header_block_is_read_as_it_was_written() -> None:
    assert scanning.headers(outbox.head("Nats-Msg-Id", "é: ü")) == {"Nats-Msg-Id": "é: ü"}
