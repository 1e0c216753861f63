"""The API over HTTP: what an app asks, and how a refusal is told."""

from __future__ import annotations

import json

import pytest

from tests.eventing.sidecar.conftest import Setup, running


async def test_the_outbound_health_is_good_before_the_app_is_up() -> None:
    async with running(app_port=1) as made:
        assert (await made.http.get("/v1.0/healthz/outbound")).status_code == 204
        told = await made.http.get("/v1.0/healthz")
        assert (told.status_code, told.json()["errorCode"]) == (500, "ERR_HEALTH_NOT_READY")


async def test_health_names_the_component_that_is_not_well(alone: Setup) -> None:
    assert (await alone.http.get("/v1.0/healthz?appid=app")).status_code == 204
    assert (await alone.http.get("/v1.0/healthz?appid=b")).json()["errorCode"] == "ERR_HEALTH_APPID_NOT_MATCH"
    alone.bus.ill = "the broker is away"
    assert "bus: the broker is away" in (await alone.http.get("/v1.0/healthz")).json()["message"]


async def test_a_token_is_asked_for_but_for_health() -> None:
    async with running(token="secret") as made:
        assert (await made.http.get("/v1.0/metadata")).status_code == 401
        assert (await made.http.get("/v1.0/healthz/outbound")).status_code == 204
        shown = {"dapr-api-token": "secret"}
        assert (await made.http.get("/v1.0/metadata", headers=shown)).json()["id"] == "app"


@pytest.mark.parametrize(
    ("body", "kind", "field", "value"),
    [
        (b'{"a": 1}', "application/json", "data", {"a": 1}),
        (b"no json", "application/json", "data", "no json"),
        (b"text", "text/plain", "data", "text"),
        (b"\x00\xff", "application/octet-stream", "data_base64", "AP8="),
    ],
)
async def test_what_is_published_has_an_envelope(
    alone: Setup, body: bytes, kind: str, field: str, value: object
) -> None:
    told = await alone.http.post("/v1.0/publish/bus/a/b", content=body, headers={"content-type": kind})
    assert told.status_code == 204
    topic, stored = alone.bus.stored[0]
    event = json.loads(stored)
    assert (topic, event["topic"], event["pubsubname"], event["source"]) == ("a/b", "a/b", "bus", "app")
    assert (event["type"], event["datacontenttype"], event[field]) == ("com.dapr.event.sent", kind, value)


async def test_an_event_stays_the_event_it_is(alone: Setup) -> None:
    given = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "data": [1], "more": "m"}
    headers = {"content-type": "application/cloudevents+json"}
    await alone.http.post("/v1.0/publish/bus/t", json=given, headers=headers)
    stored = json.loads(alone.bus.stored[0][1])
    assert {name: stored[name] for name in given} == given
    told = await alone.http.post("/v1.0/publish/bus/t", content=b"{", headers=headers)
    assert (told.status_code, told.json()["errorCode"]) == (500, "ERR_PUBSUB_CLOUD_EVENTS_SER")


async def test_metadata_overrides_the_envelope_and_raw_has_none(alone: Setup) -> None:
    await alone.http.post(
        "/v1.0/publish/bus/t?metadata.cloudevent.id=7&metadata.ttlInSeconds=5", content=b"x"
    )
    event = json.loads(alone.bus.stored[0][1])
    assert (event["id"], "expiration" in event) == ("7", True)
    await alone.http.post("/v1.0/publish/bus/t?metadata.rawPayload=true", content=b"\x01raw")
    assert alone.bus.stored[1] == ("t", b"\x01raw")
    told = await alone.http.post("/v1.0/publish/bus/t?metadata.rawPayload=maybe", content=b"x")
    assert (told.status_code, told.json()["errorCode"]) == (400, "ERR_PUBSUB_REQUEST_METADATA")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1.0/publish/none/t", 404, "ERR_PUBSUB_NOT_FOUND"),
        ("/v1.0/publish/bus/", 404, "ERR_TOPIC_NAME_EMPTY"),
        ("/v1.0/publish/bus/hidden", 403, "ERR_PUBSUB_FORBIDDEN"),
        ("/v1.0/publish/store/t", 404, "ERR_PUBSUB_NOT_FOUND"),
    ],
)
async def test_a_publication_is_refused(alone: Setup, path: str, status: int, code: str) -> None:
    told = await alone.http.post(path, content=b"x")
    assert (told.status_code, told.json()["errorCode"]) == (status, code)
    assert alone.bus.stored == []


async def test_a_broker_that_refuses_is_told_of(alone: Setup) -> None:
    alone.bus.refuses = "the disk is full"
    told = await alone.http.post("/v1.0/publish/bus/t", content=b"x")
    assert (told.status_code, told.json()["errorCode"]) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    assert "the disk is full" in told.json()["message"]


@pytest.mark.parametrize("version", ["v1.0", "v1.0-alpha1"])
async def test_a_bulk_is_published_and_its_failures_are_named(alone: Setup, version: str) -> None:
    entries: list[dict[str, object]] = [
        {"entryId": "1", "event": {"a": 1}, "contentType": "application/json"},
        {"entryId": "2", "event": "AP8=", "contentType": "application/octet-stream"},
        {"entryId": "3", "event": "text", "contentType": "text/plain"},
    ]
    assert (await alone.http.post(f"/{version}/publish/bulk/bus/t", json=entries)).status_code == 204
    stored = [json.loads(body) for _, body in alone.bus.stored]
    assert [one.get("data", one.get("data_base64")) for one in stored] == [{"a": 1}, "AP8=", "text"]
    alone.bus.refuses = "no"
    told = await alone.http.post(f"/{version}/publish/bulk/bus/t", json=entries)
    assert (told.status_code, [one["entryId"] for one in told.json()["failedEntries"]]) == (
        500,
        ["1", "2", "3"],
    )
    same = [{**one, "entryId": "1"} for one in entries]
    assert (await alone.http.post(f"/{version}/publish/bulk/bus/t", json=same)).status_code == 400


async def test_a_binding_does_what_it_is_asked(alone: Setup) -> None:
    asked = {"operation": "create", "data": {"a": 1}, "metadata": {"k": "v"}}
    told = await alone.http.post("/v1.0/bindings/files", json=asked)
    assert (told.status_code, told.json(), told.headers["metadata.operation"]) == (200, {"a": 1}, "create")
    assert alone.files.invoked == [("create", b'{"a":1}', {"k": "v"})]


@pytest.mark.parametrize(
    ("name", "operation", "words"),
    [
        ("files", "fail", "there are create and get"),
        ("none", "create", "couldn't find"),
        ("files", "", "missing"),
    ],
)
async def test_a_binding_that_fails_says_why(alone: Setup, name: str, operation: str, words: str) -> None:
    told = await alone.http.post(f"/v1.0/bindings/{name}", json={"operation": operation})
    assert (told.status_code, told.json()["errorCode"]) == (500, "ERR_INVOKE_OUTPUT_BINDING")
    assert words in told.json()["message"]


async def test_state_is_saved_read_and_removed(alone: Setup) -> None:
    saved = [{"key": "k", "value": {"n": 1}, "metadata": {"ttlInSeconds": "9"}}]
    assert (await alone.http.post("/v1.0/state/store", json=saved)).status_code == 204
    assert (alone.store.writes[0].key, alone.store.writes[0].ttl) == ("app||k", 9)
    found = await alone.http.get("/v1.0/state/store/k")
    assert (found.json(), found.headers["etag"]) == ({"n": 1}, "1")
    assert found.headers["metadata.ttlExpireTime"] == "1970-01-01T00:00:09Z"
    bulk = (await alone.http.post("/v1.0/state/store/bulk", json={"keys": ["k", "none"]})).json()
    beside = {"ttlExpireTime": "1970-01-01T00:00:09Z"}
    assert bulk == [{"key": "k", "data": {"n": 1}, "etag": "1", "metadata": beside}, {"key": "none"}]
    wrong = await alone.http.delete("/v1.0/state/store/k", headers={"if-match": "9"})
    assert (wrong.status_code, wrong.json()["errorCode"]) == (409, "ERR_STATE_DELETE")
    assert (await alone.http.delete("/v1.0/state/store/k", headers={"if-match": "1"})).status_code == 204
    assert (await alone.http.get("/v1.0/state/store/k")).status_code == 204


async def test_a_transaction_is_all_or_nothing(alone: Setup) -> None:
    def operation(kind: str, **request: object) -> dict[str, object]:
        return {"operation": kind, "request": request}

    await alone.http.post("/v1.0/state/store", json=[{"key": "gone", "value": 1}])
    good = {"operations": [operation("upsert", key="made", value=5), operation("delete", key="gone")]}
    assert (await alone.http.post("/v1.0/state/store/transaction", json=good)).status_code == 204
    assert list(alone.store.items) == ["app||made"]
    bad = {"operations": [operation("upsert", key="x", value=1), operation("delete", key="made", etag="99")]}
    told = await alone.http.post("/v1.0/state/store/transaction", json=bad)
    assert (told.status_code, told.json()["errorCode"]) == (500, "ERR_STATE_TRANSACTION")
    assert list(alone.store.items) == ["app||made"]
    odd = await alone.http.post("/v1.0/state/store/transaction", json={"operations": [operation("merge")]})
    assert odd.json()["errorCode"] == "ERR_NOT_SUPPORTED_STATE_OPERATION"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1.0/state/none/k", None, 400, "ERR_STATE_STORE_NOT_FOUND"),
        ("GET", "/v1.0/state/store/a||b", None, 400, "ERR_MALFORMED_REQUEST"),
        ("POST", "/v1.0/state/store", {}, 400, "ERR_MALFORMED_REQUEST"),
        ("POST", "/v1.0/state/store", [{"value": 1}], 400, "ERR_MALFORMED_REQUEST"),
        (
            "POST",
            "/v1.0/state/store",
            [{"key": "a", "metadata": {"ttlInSeconds": "x"}}],
            500,
            "ERR_STATE_SAVE",
        ),
        ("POST", "/v1.0-alpha1/state/store/query", {}, 500, "ERR_STATE_STORE_NOT_SUPPORTED"),
        ("GET", "/v1.0/secrets/none/k", None, 401, "ERR_SECRET_STORE_NOT_FOUND"),
        ("GET", "/v1.0/secrets/secrets/none", None, 500, "ERR_SECRET_GET"),
        ("GET", "/v1.0/configuration/c", None, 501, "ERR_API_UNIMPLEMENTED"),
        ("POST", "/v1.0/actors/t/1/method/m", None, 501, "ERR_API_UNIMPLEMENTED"),
        ("POST", "/v1.0-alpha1/lock/l", {}, 501, "ERR_API_UNIMPLEMENTED"),
        ("GET", "/elsewhere", None, 404, "ERR_DIRECT_INVOKE"),
        ("GET", "/v1.0/invoke/none/method/m", None, 500, "ERR_DIRECT_INVOKE"),
    ],
)
async def test_a_question_is_refused(
    alone: Setup, method: str, path: str, body: object, status: int, code: str
) -> None:
    told = await alone.http.request(method, path, json=body)
    assert (told.status_code, told.json()["errorCode"]) == (status, code)
    assert told.json()["message"]


async def test_secrets_are_read(alone: Setup) -> None:
    assert (await alone.http.get("/v1.0/secrets/secrets/key")).json() == {"key": "value"}
    assert (await alone.http.get("/v1.0/secrets/secrets/bulk")).json() == {
        "key": {"key": "value"},
        "two": {"two": "b"},
    }


async def test_the_sidecar_tells_of_itself(alone: Setup) -> None:
    assert (await alone.http.put("/v1.0/metadata/colour", content=b"red")).status_code == 204
    told = (await alone.http.get("/v1.0/metadata")).json()
    assert (told["id"], told["extended"]["colour"]) == ("app", "red")
    assert {one["name"] for one in told["components"]} == {"bus", "store", "secrets", "files"}


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with running(max_body=10) as made:
        told = await made.http.post("/v1.0/publish/bus/t", content=b"x" * 11)
        assert (told.status_code, "larger than 10 bytes" in told.json()["message"]) == (413, True)


async def test_an_app_may_end_its_sidecar(alone: Setup) -> None:
    assert (await alone.http.post("/v1.0/shutdown")).status_code == 204
    assert alone.sidecar.shutdown.is_set()
