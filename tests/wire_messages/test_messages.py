"""Messages of the node's socket: what is read back is what was sent, and what is refused says which field."""

from __future__ import annotations

import pytest

from openfunction_py.wire import messages
from openfunction_py.wire.messages import Hello, Load, LogsRequest, MessageError, Processes, ProcessInfo


@pytest.mark.parametrize(
    "value",
    [
        Load("instance", "n", "r", 1.5, 3, "pod"),
        Load("gateway", "n", "r", 0.0, 0, proxied=True),
        LogsRequest("n", "p", "c", follow=True, tail=5, previous=True),
        LogsRequest("n", "p"),
        Hello("control"),
    ],
)
def test_a_message_is_read_back_as_it_was_sent(value: Load | LogsRequest | Hello) -> None:
    assert type(value).from_wire(value.to_wire()) == value


def test_a_list_of_processes_is_read_back_and_unknown_fields_are_left_out() -> None:
    told = Processes((ProcessInfo("template", "n", "r", 7, 1, 2),)).to_wire("templates")
    told["items"][0]["newer"] = True
    assert Processes.from_wire(told).items == (ProcessInfo("template", "n", "r", 7, 1, 2),)


def test_a_gateways_load_may_leave_its_source_out() -> None:
    told = {
        "type": "load",
        "namespace": "n",
        "revision": "r",
        "concurrency": 1,
        "requests": 2,
        "proxied": False,
    }
    assert Load.from_wire(told).source == "gateway"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"type": "load", "namespace": "n"}, "lacks 'revision'"),
        (
            {"type": "load", "namespace": "n", "revision": "r", "concurrency": "x", "requests": 1},
            "wrong type",
        ),
    ],
)
def test_a_load_message_that_is_wrong_names_what_is(message: dict[str, object], sentence: str) -> None:
    with pytest.raises(MessageError, match=sentence):
        Load.from_wire(message)


def test_what_a_gateway_routes_is_read_as_it_was_said() -> None:
    said = messages.Routes("g", {"u": "r,100,"}, whole=True)
    assert messages.Routes.from_wire(said.to_wire()) == said
    assert messages.Routes.from_wire({"type": "routes"}) == messages.Routes()
    with pytest.raises(MessageError, match="not as list"):
        messages.Routes.from_wire({"type": "routes", "routes": ["u"]})


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"type": "load"}, "send hello first"),
        ({"type": "hello", "version": 9, "role": "control"}, "protocol version 9 is not 1"),
        ({"type": "hello", "version": 1, "role": "cook"}, "the role 'cook' is not known"),
    ],
)
def test_a_conversation_starts_with_a_hello_of_this_version(
    message: dict[str, object], sentence: str
) -> None:
    with pytest.raises(MessageError, match=sentence):
        Hello.from_wire(message)


def test_an_end_of_logs_carries_its_error() -> None:
    assert messages.end("gone", reason="NotFound") == {"type": "end", "error": "gone", "reason": "NotFound"}
