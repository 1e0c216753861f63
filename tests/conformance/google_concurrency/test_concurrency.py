"""Ten requests are inside the function at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance import googles
from tests.conformance.conftest import Serve

TOGETHER = 10
EVENT = {
    "specversion": "1.0", "type": "google.firebase.auth.user.v1.created", "id": "1", "subject": "users/u",
    "source": "//firebaseauth.googleapis.com/projects/p", "time": "2020-09-29T11:32:00.123Z",
    "datacontenttype": "application/json", "data": {"uid": "u"},
}  # fmt: skip
LEGACY = (
    b'{"data": {"uid": "u"}, "eventId": "1", "eventType": "providers/firebase.auth/eventTypes/user.create",'
    b' "resource": "projects/p", "timestamp": "2020-09-29T11:32:00.123Z"}'
)
WAYS: dict[str, tuple[tuple[str, ...], tuple[dict[str, str], bytes]]] = {
    "http": (("--target", "concurrent_http"), (googles.JSON, b'{"data": "hello"}')),
    "http-aio": (("--target", "concurrent_http_aio"), (googles.JSON, b'{"data": "hello"}')),
    "typed": (("--target", "concurrent_typed"), (googles.JSON, b'{"data": "hello"}')),
    "cloudevent": (("--target", "concurrent_cloud_event"), googles.binary(EVENT)),
    "legacy": (("--target", "concurrent_legacy_event", "--signature-type", "event"), (googles.JSON, LEGACY)),
}


@pytest.mark.parametrize("way", WAYS)
def test_ten_requests_run_at_the_same_time(serve: Serve, way: str) -> None:
    flags, sent = WAYS[way]
    served = serve(*flags, CONFORMANCE_TOGETHER=str(TOGETHER))

    def post(_: Any) -> bytes:
        return served.post(*sent)

    with ThreadPoolExecutor(TOGETHER) as clients:
        assert len(list(clients.map(post, range(TOGETHER)))) == TOGETHER
