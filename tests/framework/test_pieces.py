"""Frames that come in pieces: what is whole is given as it came, the rest is kept."""

from __future__ import annotations

import pytest

from functions_framework.pieces import Pieces

SENT = b"\x03abc\x00\x05hello\x01!\x04last"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_frames_are_whole_whatever_the_pieces(size: int) -> None:
    pieces, found = Pieces(), list[bytes]()
    for start in range(0, len(SENT), size):
        held, at = pieces.and_then(SENT[start : start + size]), 0
        while at < len(held) and at + 1 + held[at] <= len(held):
            end = at + 1 + held[at]
            found.append(bytes(held[at + 1 : end]))
            at = end
        pieces.keep(held, at)
    assert found == [b"abc", b"", b"hello", b"!", b"last"]
    assert pieces.and_then(b"") == b""


def test_what_is_whole_is_not_copied() -> None:
    pieces = Pieces()
    assert pieces.and_then(SENT) is SENT
    pieces.keep(SENT, len(SENT))
    assert pieces.and_then(SENT) is SENT
