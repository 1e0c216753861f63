"""A background function gets each published legacy event, and each CloudEvent as its legacy event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance import googles
from tests.conformance.conftest import Serve

WAYS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "by-flag": (("--target", "write_legacy_event", "--signature-type", "event"), {}),
    "by-environment": (("--target", "write_legacy_event"), {"FUNCTION_SIGNATURE_TYPE": "event"}),
}
MODES = {"binary": googles.binary, "structured": googles.structured}


@pytest.mark.parametrize(("name", "sent", "expected"), googles.cases("legacy", "legacy"))
@pytest.mark.parametrize("way", WAYS)
def test_a_legacy_event_arrives(serve: Serve, way: str, name: str, sent: Any, expected: Any) -> None:
    googles.need(sent)
    served = serve(*WAYS[way][0], **WAYS[way][1])
    served.post(googles.JSON, json.dumps(sent).encode())
    googles.check_legacy(served.output(), expected)


@pytest.mark.parametrize(("name", "sent", "expected"), googles.cases("cloudevent", "legacy"))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_cloudevent_arrives_as_a_legacy_event(
    serve: Serve, way: str, mode: str, name: str, sent: Any, expected: Any
) -> None:
    googles.need(sent)
    served = serve(*WAYS[way][0], **WAYS[way][1])
    served.post(*MODES[mode](sent))
    googles.check_legacy(served.output(), expected)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"no json"])
def test_what_is_no_event_is_refused(serve: Serve, body: bytes) -> None:
    served = serve(*WAYS["by-flag"][0])
    assert served.ask("POST", "/", googles.JSON, body)[0] == 400


def test_a_look_at_the_root_is_answered(serve: Serve) -> None:
    assert serve(*WAYS["by-flag"][0]).ask("GET", "/")[0] == 200
