"""Every question to a sidecar as Dapr's HTTP API spells it, and every answer as a function reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions_framework import CloudEvent, exits
from functions_framework.dapr import invocation, messages, settings, state, stores, surface
from functions_framework.dapr.errors import DaprError, StateConflict
from functions_framework.dapr.port import Ask, Reply, result
from functions_framework.dapr.settings import Sidecar
from functions_framework.dapr.state import Change, Item


def content(ask: Ask[Any]) -> Any:
    body = ask.body() if callable(ask.body) else ask.body
    return json.loads(body) if body else None


QUESTIONS: list[tuple[Ask[Any], str, str, Any]] = [
    (messages.publish("b/s", "t?", {"a": 1}, metadata={"ttlInSeconds": "1"}),
     "POST", "/v1.0/publish/b%2Fs/t%3F?metadata.ttlInSeconds=1", {"a": 1}),
    (messages.publish_bulk("bus", "t", ["x", {"a": 1}]), "POST", "/v1.0/publish/bulk/bus/t", [
        {"entryId": "0", "event": "x", "contentType": "text/plain"},
        {"entryId": "1", "event": {"a": 1}, "contentType": "application/json"}]),
    (messages.bind("b", "create", b'{"a": 1}', metadata={"k": "v"}), "POST", "/v1.0/bindings/b",
     {"operation": "create", "data": {"a": 1}, "metadata": {"k": "v"}}),
    (messages.bind("b", "list"), "POST", "/v1.0/bindings/b", {"operation": "list", "metadata": {}}),
    (messages.bind("b", "create", "12"), "POST", "/v1.0/bindings/b",
     {"operation": "create", "data": "12", "metadata": {}}),
    (state.get("s", "a/b", consistency="strong"), "GET", "/v1.0/state/s/a%2Fb?consistency=strong", None),
    (state.get_bulk("s", ["a"], parallelism=2), "POST", "/v1.0/state/s/bulk", {"keys": ["a"], "parallelism": 2}),
    (state.save("s", "k", 0), "POST", "/v1.0/state/s", [{"key": "k", "value": 0}]),
    (state.save("s", "k", None, ttl=5, metadata={"m": "1"}), "POST", "/v1.0/state/s",
     [{"key": "k", "value": None, "metadata": {"m": "1", "ttlInSeconds": "5"}}]),
    (state.delete("s", "k"), "DELETE", "/v1.0/state/s/k", None),
    (state.delete("s", "k", etag="7"), "DELETE", "/v1.0/state/s/k?concurrency=first-write", None),
    (state.transaction("s", [Change("a", 1), Change("b", delete=True)], metadata={"partitionKey": "p"}),
     "POST", "/v1.0/state/s/transaction", {
         "operations": [{"operation": "upsert", "request": {"key": "a", "value": 1}},
                        {"operation": "delete", "request": {"key": "b"}}],
         "metadata": {"partitionKey": "p"}}),
    (state.search("s", {"filter": {}}, metadata={"contentType": "application/json"}), "POST",
     "/v1.0-alpha1/state/s/query?metadata.contentType=application%2Fjson", {"filter": {}}),
    (stores.secret("s", "k"), "GET", "/v1.0/secrets/s/k", None),
    (stores.secrets("s"), "GET", "/v1.0/secrets/s/bulk", None),
    (stores.configuration("s", ["a b", "c"], metadata={"m": "1"}), "GET",
     "/v1.0/configuration/s?key=a%20b&key=c&metadata.m=1", None),
    (stores.configuration("s"), "GET", "/v1.0/configuration/s", None),
    (stores.lock("s", "r", "me", seconds=3), "POST", "/v1.0-alpha1/lock/s",
     {"resourceId": "r", "lockOwner": "me", "expiryInSeconds": 3}),
    (stores.unlock("s", "r", "me"), "POST", "/v1.0-alpha1/unlock/s", {"resourceId": "r", "lockOwner": "me"}),
    (invocation.invoke("app.ns", "/a b/c", args={"q": "1"}), "GET", "/v1.0/invoke/app.ns/method/a%20b/c?q=1", None),
    (invocation.invoke("app", "m", {"a": 1}), "POST", "/v1.0/invoke/app/method/m", {"a": 1}),
    (invocation.invoke("app", "m", "x", verb="delete"), "DELETE", "/v1.0/invoke/app/method/m", ...),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "method", "target", "body"), QUESTIONS)
def test_a_question_is_spelt(ask: Ask[Any], method: str, target: str, body: Any) -> None:
    assert (ask.method, ask.target) == (method, target)
    assert body is ... or content(ask) == body


ANSWERS: list[tuple[Ask[Any], Reply, Any]] = [
    (messages.bind("b", "get"), Reply(200, {"metadata.k": "v"}, b"x"), messages.BindingReply(b"x", {"k": "v"})),
    (messages.publish_bulk("b", "t", [1, 2]), Reply(204), ()),
    (messages.publish_bulk("b", "t", [1, 2]), Reply(500, {}, b'{"failedEntries":[{"entryId":"1","error":"e"}]}'), (1,)),
    (state.get("s", "k"), Reply(200, {"etag": "7"}, b'{"a":1}'), Item("k", b'{"a":1}', "7")),
    (state.get("s", "k"), Reply(204), Item("k")),
    (state.get_bulk("s", ["a", "b"]), Reply(200, {}, b'[{"key":"a","data":"text","etag":"1"}]'),
     {"a": Item("a", b'"text"', "1"), "b": Item("b")}),
    (state.get_bulk("s", ["a"]), Reply(200, {}, b'[{"key":"a","error":"why"}]'), {"a": Item("a", error="why")}),
    (state.search("s", {}), Reply(200, {}, b'{"results":[{"key":"a","data":{"n":1}}],"token":"2"}'),
     state.Found((Item("a", b'{"n":1}'),), "2")),
    (state.search("s", {}), Reply(204), state.Found(())),
    (stores.configuration("s", ["a"]), Reply(200, {}, b'{"a":{"value":"1","version":"2"}}'),
     {"a": stores.Setting("1", "2")}),
    (stores.lock("s", "r", "me", seconds=1), Reply(200, {}, b'{"success":true}'), True),
    (stores.lock("s", "r", "me", seconds=1), Reply(200, {}, b'{"success":false}'), False),
    (stores.unlock("s", "r", "me"), Reply(200, {}, b'{"status":0}'), True),
    (stores.unlock("s", "r", "me"), Reply(200, {}, b'{"status":2}'), False),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "reply", "expected"), ANSWERS)
def test_an_answer_is_read(ask: Ask[Any], reply: Reply, expected: Any) -> None:
    assert result(ask, reply) == expected


def test_refusals_are_errors() -> None:
    with pytest.raises(StateConflict, match="save state of s"):
        result(
            state.save("s", "k", 1, etag="1"),
            Reply(409, {}, b'{"errorCode":"ERR_STATE_SAVE","message":"etag"}'),
        )
    with pytest.raises(DaprError, match="the sidecar answered 404: not here"):
        result(invocation.invoke("app", "m"), Reply(404, {}, b"not here"))
    with pytest.raises(DaprError, match="answered 500"):
        result(messages.publish_bulk("b", "t", [1]), Reply(500, {}, b'{"errorCode":"ERR"}'))


def test_an_event_is_published_whole() -> None:
    event = CloudEvent({"type": "t", "source": "s", "id": "1"}, {"a": 1})
    ask = messages.publish("bus", "t", event)
    assert ask.headers["content-type"] == "application/cloudevents+json"
    assert content(ask)["data"] == {"a": 1}


def test_bytes_that_http_cannot_carry_say_what_to_do() -> None:
    with pytest.raises(TypeError, match="APP_PROTOCOL=grpc"):
        content(messages.bind("b", "create", b"\xff"))


def test_every_question_has_both_ways() -> None:
    for kind in (surface.Dapr, surface.StateStore):
        names = {name for name in vars(kind) if not name.startswith("_") and name != "state"}
        assert {f"a{name}" for name in names if f"a{name}" in names} | {
            n for n in names if f"a{n}" in names
        } == names


def test_the_sidecar_is_where_the_environment_says() -> None:
    environ = {
        "DAPR_HOST": "proxy.ns.svc", "DAPR_HTTP_PORT": "3501", "DAPR_GRPC_PORT": "50002", "DAPR_API_TOKEN": "t",
        "APP_API_TOKEN": "a", "APP_PROTOCOL": "GRPC", "DAPR_HEALTH_TIMEOUT": "7",
    }  # fmt: skip
    read = settings.from_environ(environ)
    assert read == Sidecar("proxy.ns.svc", 3501, 50002, "t", "a", "grpc", 7.0)
    assert settings.from_environ({"DAPR_HTTP_ENDPOINT": "http://h:1"}).authority == "h:1"
    assert settings.from_environ({}) == Sidecar()
    assert Sidecar("::1").authority == "[::1]:3500"


@pytest.mark.parametrize(("variable", "value"), [
    ("DAPR_HTTP_PORT", "x"), ("DAPR_GRPC_PORT", "99999"), ("APP_PROTOCOL", "soap"), ("DAPR_HEALTH_TIMEOUT", "soon"),
    ("DAPR_HTTP_ENDPOINT", "ftp://h"), ("DAPR_HTTP_ENDPOINT", "http://h:x"), ("DAPR_HTTP_ENDPOINT", "http://[::1"),
    ("DAPR_HTTP_ENDPOINT", "://"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(variable: str, value: str) -> None:
    with pytest.raises(exits.StartError, match=variable):
        settings.from_environ({variable: value})
