"""A typed function gets its type, and what it returns is written by the type."""

from __future__ import annotations

import json

import pytest

from tests.conformance import googles
from tests.conformance.conftest import Serve

WAYS = {
    "declared-with-type": ("--target", "write_typed"),
    "declared-by-annotation": ("--target", "write_typed_annotated"),
    # The contract exposes typed functions as signature type http.
    "declared-and-http-by-flag": ("--target", "write_typed", "--signature-type", "http"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_request_is_echoed_in_the_payload(serve: Serve, way: str) -> None:
    told = serve(*WAYS[way]).post(googles.JSON, json.dumps({"message": "Hello world!"}).encode())
    assert json.loads(told) == {"payload": {"message": "Hello world!"}}


@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_is_no_json_is_refused(serve: Serve, way: str) -> None:
    status, _ = serve(*WAYS[way]).ask("POST", "/", googles.JSON, b"{")
    assert 400 <= status < 500
