"""The framing and the messages between node, template and instance."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions_framework import control


def test_a_message_comes_back_from_its_frame() -> None:
    message = {"type": "ready", "reason": "Grüße"}
    assert control.Decoder().feed(control.encode(message)) == [message]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers()), max_size=5), st.integers(1, 7))
def test_messages_survive_any_cut_of_the_stream(messages: list[dict[str, int]], size: int) -> None:
    stream = b"".join(map(control.encode, messages))
    decoder = control.Decoder()
    got = [m for at in range(0, len(stream), size) for m in decoder.feed(stream[at : at + size])]
    assert got == messages


def test_a_frame_above_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(control.FrameError, match="above the limit"):
        control.Decoder().feed((control.MAX_FRAME + 1).to_bytes(4, "big"))


def test_a_message_above_the_limit_is_not_sent() -> None:
    with pytest.raises(control.FrameError, match="above the limit"):
        control.encode({"x": "a" * control.MAX_FRAME})


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(control.FrameError, match="a frame holds"):
        control.Decoder().feed(len(body).to_bytes(4, "big") + body)


def test_a_fork_spec_comes_back_from_the_wire() -> None:
    spec = control.ForkSpec(
        "i", "127.0.0.1", 80, env={"A": "b"}, log="/l", control="/c", limits={"nofile": 9}
    )
    assert control.ForkSpec.from_wire(spec.to_wire()) == spec


@pytest.mark.parametrize(
    ("wire", "word"),
    [({"host": "h", "port": 1}, "instance"), ({"instance": "i", "host": "h", "port": "x"}, "wrong type")],
)
def test_a_broken_fork_spec_says_what_is_wrong(wire: dict[str, object], word: str) -> None:
    with pytest.raises(control.FrameError, match=word):
        control.ForkSpec.from_wire(wire)


def test_the_module_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, functions_framework.control;"
        "print([m for m in sys.modules if m.split('.')[0] in {'orjson', 'httptools', 'uvloop', 'asyncio'}])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
