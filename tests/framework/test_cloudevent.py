"""The CloudEvent value and its HTTP forms."""

from __future__ import annotations

import datetime
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
        ({**ATTRIBUTES, "specversion": ["1.0"]}, "specversion is an array; send a string"),
        ({**ATTRIBUTES, "id": 5}, "id is a number; send a string"),
        ({**ATTRIBUTES, "type": {"a": 1}}, "type is an object"),
        ({**ATTRIBUTES, "datacontenttype": True, "data_base64": ""}, "datacontenttype is a boolean"),
    ],
)
def test_a_broken_structured_event_says_why(document: object, word: str) -> None:
    with pytest.raises(BadRequest, match=word):
        cloudevent.from_request(structured(document))


def test_no_attribute_stands_in_the_datas_place() -> None:
    fields = [(f"ce-{name}".encode(), str(value).encode()) for name, value in ATTRIBUTES.items()]
    with pytest.raises(BadRequest, match="may be called data"):
        cloudevent.from_request(Request("POST", b"/", [*fields, (b"ce-data", b"forged")], b""))


def test_a_batch_is_refused_with_415() -> None:
    batch = Request("POST", b"/", [(b"content-type", b"application/cloudevents-batch+json")], b"[]")
    with pytest.raises(HttpError, match="batches") as caught:
        cloudevent.from_request(batch)
    assert caught.value.status == 415


def batch(documents: object) -> Request:
    fields = [(b"content-type", b"application/cloudevents-batch+json")]
    return Request("POST", b"/", fields, json.dumps(documents).encode())


def test_a_batch_is_read_in_order() -> None:
    events = cloudevent.batch_from_request(batch([{**ATTRIBUTES, "id": "a"}, {**ATTRIBUTES, "data": 1}]))
    assert [(event["id"], event.data) for event in events] == [("a", None), ("1", 1)]


def test_a_broken_batch_names_the_event() -> None:
    with pytest.raises(BadRequest, match="Event 1 of the batch: The CloudEvent lacks id"):
        cloudevent.batch_from_request(batch([ATTRIBUTES, {"source": "/s"}]))
    with pytest.raises(BadRequest, match="JSON array"):
        cloudevent.batch_from_request(batch({}))


def test_a_structured_event_of_another_json_type_is_read() -> None:
    fields = [(b"content-type", b"application/json")]
    event = cloudevent.from_request(
        Request("POST", b"/", fields, json.dumps({**ATTRIBUTES, "data": 1}).encode())
    )
    assert (event["type"], event.data) == ("t", 1)


def test_version_0_3_is_tolerated_with_its_own_base64() -> None:
    old = {**ATTRIBUTES, "specversion": "0.3", "datacontentencoding": "base64", "schemaurl": "/x"}
    event = cloudevent.from_request(structured({**old, "data": b64encode(b"x").decode()}))
    assert (event.data, event.get_dataschema(), "datacontentencoding" in event) == (b"x", "/x", False)


def test_without_content_type_data_is_json_where_it_can_be() -> None:
    assert CloudEvent.received(dict(ATTRIBUTES), b'{"a": 1}').data == {"a": 1}
    assert CloudEvent.received(dict(ATTRIBUTES), b"plain").data == b"plain"


def test_the_methods_of_both_sdks_are_there() -> None:
    event = CloudEvent(
        {**ATTRIBUTES, "time": "2020-08-16T13:58:54.471765Z", "subject": "s", "ext": "e"}, {"a": 1}
    )
    assert (event.get_id(), event.get_source(), event.get_type(), event.get_specversion()) == (
        "1",
        "/s",
        "t",
        "1.0",
    )
    assert (event.get_subject(), event.get_extension("ext"), event.get_datacontenttype()) == ("s", "e", None)
    moment = event.get_time()
    assert moment is not None
    assert (moment.year, moment.utcoffset()) == (2020, datetime.timedelta(0))
    event["subject"] = "other"
    del event["ext"]
    assert (event["subject"], "ext" in event, len(event)) == ("other", False, 6)
    assert set(event) == set(event.get_attributes())


def test_a_time_that_is_none_says_so() -> None:
    with pytest.raises(BadRequest, match="no RFC 3339"):
        CloudEvent({**ATTRIBUTES, "time": "yesterday"}).get_time()


def test_equal_events_are_equal() -> None:
    assert CloudEvent(ATTRIBUTES, {"a": 1}) == CloudEvent.received({**ATTRIBUTES}, b'{"a": 1}')
    assert CloudEvent(ATTRIBUTES, 1) != CloudEvent(ATTRIBUTES, 2)
    assert CloudEvent(ATTRIBUTES) != "event"


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
