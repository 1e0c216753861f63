"""The CloudEvent value and its HTTP forms."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from functions_framework import BadRequest, CloudEvent, HttpError, Request, cloudevent, response

ATTRIBUTES = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}


def binary(body: bytes = b"", **attributes: str) -> Request:
    fields = [(f"ce-{name}".encode(), value.encode()) for name, value in attributes.items()]
    return Request("POST", b"/", [*fields, (b"Content-Type", b"application/json")], body)


def structured(document: object) -> Request:
    fields = [(b"content-type", b"application/cloudevents+json; charset=utf-8")]
    return Request("POST", b"/", fields, json.dumps(document).encode())


def test_binary_mode_gives_attributes_and_data() -> None:
    event = cloudevent.from_request(binary(b'{"a": 1}', **ATTRIBUTES, subject="a%20b", myext="x"))
    assert (event["type"], event["subject"], event.get("myext"), event.data) == ("t", "a b", "x", {"a": 1})
    assert event.get_attributes()["datacontenttype"] == "application/json"
    assert "subject" in event


def test_structured_mode_gives_the_same() -> None:
    event = cloudevent.from_request(structured({**ATTRIBUTES, "data": {"a": 1}, "nothing": None}))
    assert (event["id"], event.data) == ("1", {"a": 1})
    assert "nothing" not in event


def test_base64_data_is_bytes() -> None:
    event = cloudevent.from_request(structured({**ATTRIBUTES, "data_base64": b64encode(b"\x00x").decode()}))
    assert event.data == b"\x00x"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BadRequest, match="lacks id, type"):
        cloudevent.from_request(binary(source="/s", specversion="1.0"))
    with pytest.raises(BadRequest, match="lacks source"):
        cloudevent.from_request(structured({**ATTRIBUTES, "source": ""}))


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ([], "JSON object"),
        ({**ATTRIBUTES, "data": 1, "data_base64": ""}, "not both"),
        ({**ATTRIBUTES, "data_base64": "%"}, "base64"),
        ({**ATTRIBUTES, "specversion": "2.0"}, "specversion 2.0"),
        ({**ATTRIBUTES, "Bad-Name": "x"}, "lower-case"),
    ],
)
def test_a_broken_structured_event_says_why(document: object, word: str) -> None:
    with pytest.raises(BadRequest, match=word):
        cloudevent.from_request(structured(document))


def test_a_batch_is_refused_with_415() -> None:
    batch = Request("POST", b"/", [(b"content-type", b"application/cloudevents-batch+json")], b"[]")
    with pytest.raises(HttpError, match="batches") as caught:
        cloudevent.from_request(batch)
    assert caught.value.status == 415


def test_data_is_decoded_only_when_looked_at() -> None:
    event = cloudevent.from_request(binary(b"{broken", **ATTRIBUTES))
    assert event["id"] == "1"
    with pytest.raises(BadRequest, match="no JSON"):
        _ = event.data


@pytest.mark.parametrize(
    ("kind", "raw", "data"),
    [
        ("text/plain", b"x", "x"),
        ("image/png", b"\x89", b"\x89"),
        ("a/b+json", b"1", 1),
        ("text/x", b"", None),
    ],
)
def test_data_follows_its_content_type(kind: str, raw: bytes, data: object) -> None:
    assert CloudEvent.received({**ATTRIBUTES, "datacontenttype": kind}, raw).data == data


def test_a_new_event_gets_an_id_and_the_version() -> None:
    event = CloudEvent({"type": "t", "source": "/s"}, {"a": 1})
    assert event["specversion"] == "1.0"
    assert event["id"] != CloudEvent({"type": "t", "source": "/s"})["id"]


def test_an_event_becomes_an_answer_and_a_document() -> None:
    event = CloudEvent({**ATTRIBUTES, "subject": "ü%"}, {"a": 1})
    answer = response.answer(event.to_response())
    assert isinstance(answer, tuple)
    _, lines, body = answer
    assert b"ce-subject: %C3%BC%25\r\n" in lines
    assert body == b'{"a":1}'
    assert json.loads(event.to_structured())["data"] == {"a": 1}


def test_an_answered_event_is_read_back_unchanged() -> None:
    event = CloudEvent({**ATTRIBUTES, "subject": 'a "b" 100%20 ü'}, {"a": 1})
    fields = [(name.encode(), value.encode()) for name, value in event.to_response().headers.items()]
    assert cloudevent.from_request(Request("POST", b"/", fields, b""))["subject"] == event["subject"]
