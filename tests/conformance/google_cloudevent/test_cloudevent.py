"""A CloudEvent function gets each published event, and each legacy event as its CloudEvent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance import googles
from tests.conformance.conftest import Serve

WAYS = {
    "by-flag": ("--target", "write_cloud_event", "--signature-type", "cloudevent"),
    "declared": ("--target", "write_cloud_event_declared"),
    "declared-aio": ("--target", "write_cloud_event_aio"),
}
MODES = {"binary": googles.binary, "structured": googles.structured}


@pytest.mark.parametrize(("name", "sent", "expected"), googles.cases("cloudevent", "cloudevent"))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_cloudevent_arrives_unchanged(
    serve: Serve, way: str, mode: str, name: str, sent: Any, expected: Any
) -> None:
    googles.need(sent)
    served = serve(*WAYS[way])
    served.post(*MODES[mode](sent))
    googles.check_cloudevent(served.output(), expected)


@pytest.mark.parametrize(("name", "sent", "expected"), googles.cases("legacy", "cloudevent"))
@pytest.mark.parametrize("way", WAYS)
def test_a_legacy_event_arrives_as_a_cloudevent(
    serve: Serve, way: str, name: str, sent: Any, expected: Any
) -> None:
    googles.need(sent)
    served = serve(*WAYS[way])
    served.post(googles.JSON, json.dumps(sent).encode())
    googles.check_cloudevent(served.output(), expected)


@pytest.mark.parametrize("missing", ["id", "source", "type", "specversion"])
@pytest.mark.parametrize("mode", MODES)
def test_an_incomplete_event_is_refused_with_what_is_missing(serve: Serve, mode: str, missing: str) -> None:
    event = {
        "id": "1", "source": "/s", "type": "t", "specversion": "1.0", "datacontenttype": "application/json",
        "data": {},
    }  # fmt: skip
    del event[missing]
    status, told = serve(*WAYS["declared"]).ask("POST", "/", *MODES[mode](event))
    assert (status, f"lacks {missing}" in told.decode()) == (400, True)


def test_what_is_no_event_is_refused(serve: Serve) -> None:
    assert serve(*WAYS["declared"]).ask("POST", "/", googles.JSON, b"{}")[0] == 400
    assert serve(*WAYS["declared"]).ask("GET", "/")[0] == 405
