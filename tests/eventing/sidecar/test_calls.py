"""docs/dapr.md says of each call what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions_framework.dapr.stubs import api
from openfunction_eventing.sidecar import calls
from openfunction_eventing.sidecar.grpcapi.service import Service
from tests.eventing.sidecar.conftest import Setup

_DOCUMENT = Path(__file__).parents[3] / "docs" / "dapr.md"


def test_the_documents_table_is_the_codes() -> None:
    lines = _DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index("| call | HTTP | gRPC | note |") + 2
    assert lines[start : start + len(calls.CALLS)] == [calls.row(one) for one in calls.CALLS]
    assert lines[start + len(calls.CALLS)] == ""


def test_what_the_table_calls_answered_over_grpc_is_a_method_of_ours() -> None:
    ours = {name for name in vars(Service) if name[0].isupper()}
    assert ours == calls.ANSWERED
    assert ours <= set(dir(api.DaprServicer))


@pytest.mark.parametrize("one", [one for one in calls.CALLS if one.http], ids=lambda one: one.http)
async def test_what_the_table_says_of_http_is_so(alone: Setup, one: calls.Call) -> None:
    method, path = one.http.split()
    for name in ("{pubsub}", "{store}", "{name}", "{component}", "{app}", "{key}", "{topic}"):
        path = path.replace(name, "none")
    told = await alone.http.request("GET" if method == "ANY" else method, path, json={})
    assert (told.status_code == 501) == (not one.answered)
    if told.status_code >= 400:
        assert told.json()["errorCode"] != ("ERR_DIRECT_INVOKE" if "invoke" not in path else "")
