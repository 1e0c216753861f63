"""What a function and a real sidecar do with each other, the same over HTTP and over gRPC."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.conformance.dapr.conftest import Pair
from tests.conformance.dapr.daprd import until

# What our sidecar has no component for is asked of Dapr's own alone.
daprd_alone = pytest.mark.parametrize("pair", ["daprd-http", "daprd-grpc"], indirect=True)


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def has(data: bytes, times: int = 1) -> Any:
    return lambda seen: [one["data"] for one in seen].count(data) >= times


# pub/sub


@pytest.mark.parametrize("data", [b"text", b"\x00\xff\xfe", b'{"a": 1}', b""])
def test_bytes_pass_through_a_topic_unchanged(pair: Pair, data: bytes) -> None:
    marker = coded(data) + pair.protocol
    if data:
        assert pair.do("send", output="events", data=coded(data)) is None
        pair.until("events", has(data))
    else:
        pair.do("send", output="events", data=coded(marker.encode()))
        pair.until("events", has(marker.encode()))


@pytest.mark.parametrize("value", [{"a": [1, "é"]}, ["b"], "plain"])
def test_values_pass_through_a_topic(pair: Pair, value: Any) -> None:
    pair.do("send_value", output="events", value=value)
    expected = (
        value.encode()
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    )
    event = next(one for one in pair.until("events", has(expected)) if one["data"] == expected)
    assert (event["topic"], event["type"]) == ("events", "com.dapr.event.sent")


def test_a_thread_sends_too(pair: Pair) -> None:
    pair.do("send_in_thread", output="events", data=coded(b"from a thread"))
    pair.until("events", has(b"from a thread"))


def test_raw_payloads_have_no_envelope(pair: Pair) -> None:
    pair.do("send", output="raw", data=coded(b"\x01raw"))
    pair.until("raw", has(b"\x01raw"))


def test_an_event_that_asks_for_it_comes_again(pair: Pair) -> None:
    pair.do("send", output="events", data=coded(b"RETRY"))
    pair.until("events", has(b"RETRY", times=2))


def test_an_event_whose_function_raised_comes_again(pair: Pair) -> None:
    pair.do("send", output="events", data=coded(b"raise"))
    pair.until("events", has(b"raise", times=2))


def test_a_dropped_event_goes_to_the_dead_letters(pair: Pair) -> None:
    pair.do("send", output="events", data=coded(b"DROP"))
    pair.until("dead", has(b"DROP"))


def test_a_bulk_has_a_verdict_for_each_event(pair: Pair) -> None:
    assert pair.do("publish_bulk", items=["RETRY", "b1", {"n": 2}]) == []
    pair.until("bulk", has(b"RETRY", times=2))
    pair.until("bulk", has(b"b1"))
    pair.until("bulk", has(b'{"n":2}'))


def test_an_output_without_a_component_is_an_error_with_the_sidecars_answer(pair: Pair) -> None:
    told = pair.do("send", output="nowhere", data=coded(b"x"))["error"]
    assert "the output 'nowhere' was not sent" in told
    assert "nowhere topic t" in told
    assert "not found" in told


# bindings


def test_an_input_binding_calls(pair: Pair) -> None:
    pair.until("tick", lambda seen: len(seen) >= 2)


def test_an_output_binding_does_what_its_operation_says(pair: Pair) -> None:
    pair.do("send", output="file", data=coded(b"sent!"))
    assert (pair.folder / "files" / "sent.txt").read_bytes() == b"sent!"
    pair.do("bind", operation="create", name="a.txt", data=coded(b"hello!"))
    assert base64.b64decode(pair.do("bind", operation="get", name="a.txt")) == b"hello!"
    pair.do("bind", operation="delete", name="a.txt")
    assert not (pair.folder / "files" / "a.txt").exists()
    assert "error" in pair.do("bind", operation="get", name="a.txt")


def test_a_binding_takes_any_bytes_over_grpc_and_says_so_over_http(pair: Pair) -> None:
    if pair.protocol == "grpc":
        pair.do("bind", operation="create", name="b.bin", data=coded(b"\x00\xff"))
        assert (pair.folder / "files" / "b.bin").read_bytes() == b"\x00\xff"
    else:
        with pytest.raises(AssertionError, match="Internal Server Error"):
            pair.do("bind", operation="create", name="b.bin", data=coded(b"\x00\xff"))
        until(
            lambda: b"set APP_PROTOCOL=grpc" in (pair.folder / "function.log").read_bytes(),
            "the log says why",
        )


# state


def test_state_is_saved_read_and_removed(pair: Pair) -> None:
    pair.do("save", key="k", value={"n": 1})
    item = pair.do("get", key="k")
    assert json.loads(base64.b64decode(item["data"])) == {"n": 1}
    assert item["etag"]
    pair.do("delete", key="k")
    assert pair.do("get", key="k")["data"] == ""


def test_an_etag_keeps_the_changes_of_others(pair: Pair) -> None:
    pair.do("save", key="e", value=1)
    etag = pair.do("get", key="e")["etag"]
    assert pair.do("save", key="e", value=2, etag=etag) is None
    assert pair.do("save", key="e", value=3, etag=etag) == {"conflict": 409}
    assert pair.do("delete", key="e", etag=etag) == {"conflict": 409}
    assert base64.b64decode(pair.do("get", key="e")["data"]) == b"2"


@pytest.mark.parametrize(("data", "stored"), [(b'{"a": 1}', b'{"a":1}'), (b"text", b'"text"')])
def test_state_of_bytes_is_json_or_text(pair: Pair, data: bytes, stored: bytes) -> None:
    pair.do("save_bytes", key="b", data=coded(data))
    assert base64.b64decode(pair.do("get", key="b")["data"]) == stored


def test_state_goes_when_its_time_is_over(pair: Pair) -> None:
    pair.do("save", key="t", value=1, ttl=1)
    assert pair.do("get", key="t")["data"]
    until(lambda: pair.do("get", key="t")["data"] == "", "the state is gone")


def test_keys_are_read_in_bulk(pair: Pair) -> None:
    pair.do("save", key="x", value={"v": 1})
    pair.do("save", key="y", value="text")
    assert pair.do("get_bulk", keys=["x", "y", "none"]) == {"x": {"v": 1}, "y": "text", "none": None}


def test_a_transaction_is_all_or_nothing(pair: Pair) -> None:
    pair.do("save", key="gone", value=1)
    pair.do("transaction", changes=[{"key": "made", "value": 5}, {"key": "gone", "delete": True}])
    assert pair.do("get_bulk", keys=["made", "gone"]) == {"made": 5, "gone": None}
    told = pair.do(
        "transaction", changes=[{"key": "made", "value": 6}, {"key": "made", "value": 7, "etag": "999"}]
    )
    assert "conflict" in told or "error" in told
    assert pair.do("get_bulk", keys=["made"]) == {"made": 5}


def test_a_store_that_cannot_query_says_so(pair: Pair) -> None:
    assert "query state of store" in pair.do("query")["error"]


# secrets, configuration, locks, invocation


def test_secrets_are_read(pair: Pair) -> None:
    assert pair.do("secret", key="key") == {"key": "value"}
    assert pair.do("secrets")["other"] == {"other": "hidden"}
    assert "get secret of secrets" in pair.do("secret", key="none")["error"]


@daprd_alone
def test_configuration_is_read(pair: Pair, redis_port: int) -> None:
    subprocess.run(
        ["redis-cli", "-p", str(redis_port), "set", "colour", "red||2"], check=True, capture_output=True
    )
    assert pair.do("configuration", keys=["colour"]) == {"colour": "red"}


@daprd_alone
def test_a_lock_is_one_owners_at_a_time(pair: Pair) -> None:
    assert pair.do("lock", owner="a") is True
    assert pair.do("lock", owner="b") is False
    assert pair.do("unlock", owner="b") is False
    assert pair.do("unlock", owner="a") is True


def test_an_app_is_invoked_through_the_sidecar(pair: Pair) -> None:
    told = pair.do("invoke", app="app", method="a/b", data="hi", verb="PUT", args={"q": "1"})
    assert told == {"path": "/a/b", "method": "PUT", "args": {"q": "1"}, "body": "hi"}


def test_the_sidecar_tells_of_itself(pair: Pair) -> None:
    assert pair.do("metadata") == "app"


def test_daprs_own_client_is_there_too(pair: Pair) -> None:
    pair.do("save", key="sdk", value="v")
    assert pair.do("sdk", key="sdk") == '"v"'


# faults


def test_a_sidecar_that_restarts_is_waited_for(pair: Pair) -> None:
    pair.sidecar.stop()
    told = pair.do("send", output="events", data=coded(b"while away"))
    assert "does not answer" in told["error"]
    until(lambda: not pair.ready(), "the instance is not ready without its sidecar")
    pair.sidecar.start()
    until(pair.ready, "the instance is ready again")
    assert pair.do("send", output="events", data=coded(b"back again")) is None
    pair.until("events", has(b"back again"))
