"""An HTTP function gets the body that was posted, however it is declared and named."""

from __future__ import annotations

import json

import pytest

from tests.conformance import googles
from tests.conformance.conftest import FUNCTIONS, Serve

WAYS = {
    "by-flag": (("--target", "write_http", "--signature-type", "http"), {}),
    "by-default": (("--target", "write_http"), {}),
    "declared": (("--target", "write_http_declared"), {}),
    "declared-aio": (("--target", "write_http_aio"), {}),
    "by-flag-asgi": (("--target", "write_http_asgi", "--asgi"), {}),
    "by-environment-asgi": (("--target", "write_http_asgi"), {"FUNCTION_USE_ASGI": "true"}),
    "by-environment": ((), {"FUNCTION_TARGET": "write_http", "FUNCTION_SIGNATURE_TYPE": "http"}),
    "by-googles-environment": (
        (),
        {"GOOGLE_FUNCTION_TARGET": "write_http", "GOOGLE_FUNCTION_SOURCE": str(FUNCTIONS)},
    ),
    # A decorator is stronger than a flag.
    "declared-and-by-flag": (("--target", "write_http_declared", "--signature-type", "cloudevent"), {}),
}


@pytest.mark.parametrize(("flags", "env"), WAYS.values(), ids=WAYS.keys())
def test_the_body_reaches_the_function(serve: Serve, flags: tuple[str, ...], env: dict[str, str]) -> None:
    served = serve(*flags, **env)
    assert served.post(googles.JSON, json.dumps({"res": "PASS"}).encode()) == b"OK"
    assert served.output() == {"res": "PASS"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/a/path", "/a?q=1"])
def test_every_method_and_path_reaches_the_function(serve: Serve, method: str, path: str) -> None:
    served = serve("--target", "write_http")
    assert served.ask(method, path, googles.JSON, b"{}")[0] == 200
    assert served.output() == {}


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt"])
def test_what_browsers_ask_for_is_not_found(serve: Serve, path: str) -> None:
    assert serve("--target", "write_http").ask("GET", path)[0] == 404
