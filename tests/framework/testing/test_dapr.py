"""OpenFunction functions with the fake sidecar: what comes, what is sent, what is kept, what fails."""

from __future__ import annotations

from typing import Any

import pytest

from functions_framework import testing
from functions_framework.context.user_context import UserContext
from functions_framework.dapr.errors import DaprError, OutputError, SidecarUnavailable, StateConflict
from functions_framework.dapr.signals import Retry
from functions_framework.dapr.state import Change
from functions_framework.dapr.surface import Dapr as Questions
from functions_framework.testing.fixtures import Serve, dapr, serve

__all__ = ["dapr", "serve"]  # fixtures

CONTEXT = {
    "name": "orders", "version": "v2.0.0", "runtime": "Async",
    "inputs": {
        "tick": {"componentName": "cron", "componentType": "bindings.cron"},
        "orders": {"componentName": "bus", "componentType": "pubsub.redis", "topic": "orders"},
        "bulk": {
            "componentName": "bus", "componentType": "pubsub.redis", "topic": "many",
            "metadata": {"bulkSubscribe": "true"},
        },
    },
    "outputs": {
        "done": {"componentName": "bus", "componentType": "pubsub.redis", "topic": "done"},
        "mail": {"componentName": "smtp", "componentType": "bindings.smtp", "operation": "create"},
    },
    "states": {"store": {"componentName": "redis"}},
}  # fmt: skip


def seen(context: UserContext) -> Any:
    binding, event = context.get_binding_request(), context.get_topic_event()
    context.send("done", {
        "input": context.get_input_name(), "data": context.data.decode(),
        "metadata": binding.metadata if binding else {}, "topic": event.topic if event else "",
    })  # fmt: skip
    return "SUCCESS"


def test_a_binding_calls_the_function(serve: Serve, dapr: testing.Dapr) -> None:
    client = serve(seen, signature="openfunction", context=CONTEXT)
    for name in ("tick", "cron"):
        assert client.binding(name, {"at": 1}, metadata={"schedule": "@every 1s"}).status == 200
    sent = {"input": "tick", "data": '{"at":1}', "metadata": {"schedule": "@every 1s"}, "topic": ""}
    assert dapr.sent_to("done") == [sent, sent]


@pytest.mark.parametrize("name", ["orders", "bus/orders"])
def test_a_topics_event_calls_the_function(serve: Serve, dapr: testing.Dapr, name: str) -> None:
    delivered = serve(seen, signature="openfunction", context=CONTEXT).topic(name, {"n": 1})
    assert (delivered.verdict, delivered.status) == ("SUCCESS", 200)
    assert dapr.sent_to("done") == [{"input": "orders", "data": '{"n":1}', "metadata": {}, "topic": "orders"}]


def test_an_event_of_a_bulk_calls_the_function(serve: Serve, dapr: testing.Dapr) -> None:
    assert serve(seen, signature="openfunction", context=CONTEXT).topic("many", "x").verdict == "SUCCESS"
    assert [one["data"] for one in dapr.sent_to("done")] == ["x"]


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("RETRY", "RETRY"), ("DROP", "DROP"), (None, "SUCCESS"), (Retry("later"), "RETRY")],
)
def test_what_the_sidecar_does_then_is_told(serve: Serve, outcome: Any, verdict: str) -> None:
    def decides(context: UserContext) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert serve(decides, signature="openfunction", context=CONTEXT).topic("orders").verdict == verdict


def test_an_input_that_is_not_there_is_named(serve: Serve) -> None:
    client = serve(seen, signature="openfunction", context=CONTEXT)
    with pytest.raises(testing.NoSuchInputError, match="bus/orders"):
        client.topic("none")
    with pytest.raises(testing.NoSuchInputError, match="tick"):
        client.binding("none")


def test_the_apps_token_is_sent(serve: Serve) -> None:
    client = serve(seen, signature="openfunction", context=CONTEXT, environ={"APP_API_TOKEN": "secret"})
    assert (client.topic("orders").status, client.binding("tick").status) == (200, 200)


def test_an_output_binding_answers_as_said(serve: Serve, dapr: testing.Dapr) -> None:
    dapr.binding("smtp", lambda sent: {"to": sent.data["to"], "did": sent.operation})

    async def mails(context: UserContext) -> Any:
        reply = await context.asend("mail", {"to": "ada"})
        return reply.json() if reply else None

    answer = serve(mails, signature="openfunction", context={**CONTEXT, "runtime": "Knative"}).post()
    assert answer.json() == {"to": "ada", "did": "create"}


def test_a_failure_on_order_is_the_functions_to_see(serve: Serve, dapr: testing.Dapr) -> None:
    dapr.fail("publish", status=500, message="no broker", times=1)

    def sends(context: UserContext) -> str:
        try:
            context.send("done", 1)
        except OutputError as error:
            return str(error)
        return "sent"

    client = serve(sends, signature="openfunction", context={**CONTEXT, "runtime": "Knative"})
    first, second = client.post().text, client.post().text
    assert ("no broker" in first, second) == (True, "sent")


# the fake itself, asked as a function asks


@pytest.fixture
def ask(dapr: testing.Dapr) -> Questions:
    return Questions(dapr)


def test_state_keeps_values_with_an_etag(ask: Questions, dapr: testing.Dapr) -> None:
    store = ask.state("redis")
    store.save("k", {"n": 1})
    first = store.get("k")
    store.save("k", {"n": 2}, etag=first.etag)
    with pytest.raises(StateConflict):
        store.save("k", {"n": 3}, etag=first.etag)
    with pytest.raises(StateConflict):
        store.delete("k", etag=first.etag)
    assert (dapr.state["redis"]["k"], store.get("none").value) == ({"n": 2}, None)


def test_state_takes_bytes_bulk_and_transactions(ask: Questions, dapr: testing.Dapr) -> None:
    dapr.state["redis"] = {"a": 1, "b": 2}
    store = ask.state("redis")
    store.save("raw", b"text")
    with pytest.raises(TypeError, match="base64"):
        store.save("raw", b"\x00\xff")
    assert {key: item.value for key, item in store.get_bulk(["a", "none"]).items()} == {"a": 1, "none": None}
    etag = store.get("a").etag
    store.save("a", 5)
    with pytest.raises(StateConflict):
        store.transaction([Change("b", delete=True), Change("a", 9, etag=etag)])
    store.transaction([Change("b", delete=True), Change("a", 9)])
    assert dict(dapr.state["redis"]) == {"a": 9, "raw": "text"}
    assert store.get("raw").value == "text"


@pytest.mark.parametrize(
    ("filter_", "keys"),
    [
        ({"EQ": {"city": "Rome"}}, ["a", "c"]),
        ({"NEQ": {"city": "Rome"}}, ["b"]),
        ({"IN": {"city": ["Oslo"]}}, ["b"]),
        ({"AND": [{"EQ": {"city": "Rome"}}, {"GT": {"at.n": 1}}]}, ["c"]),
        ({"OR": [{"LTE": {"at.n": 1}}, {"EQ": {"city": "Oslo"}}]}, ["a", "b"]),
        ({}, ["a", "b", "c"]),
    ],
)
def test_state_is_found_by_query(ask: Questions, dapr: testing.Dapr, filter_: Any, keys: list[str]) -> None:
    dapr.state["m"] = {
        "a": {"city": "Rome", "at": {"n": 1}}, "b": {"city": "Oslo"}, "c": {"city": "Rome", "at": {"n": 2}},
    }  # fmt: skip
    assert [item.key for item in ask.state("m").query({"filter": filter_}).items] == keys


def test_a_query_sorts_and_pages(ask: Questions, dapr: testing.Dapr) -> None:
    dapr.state["m"] = {"a": {"n": 2}, "b": {"n": 3}, "c": {"n": 1}}
    document: Any = {"sort": [{"key": "n", "order": "DESC"}], "page": {"limit": 2}}
    first = ask.state("m").query(document)
    rest = ask.state("m").query({**document, "page": {"limit": 2, "token": first.token}})
    assert [one.key for one in (*first.items, *rest.items)] == ["b", "a", "c"]
    assert rest.token == ""


def test_secrets_configuration_and_locks(ask: Questions, dapr: testing.Dapr) -> None:
    dapr.secrets["vault"] = {"db": {"password": "x"}}
    dapr.configuration["conf"] = {"a": "1", "b": "2"}
    assert ask.secret("vault", "db") == {"password": "x"}
    assert ask.secrets("vault") == {"db": {"password": "x"}}
    assert {key: one.value for key, one in ask.configuration("conf", ["a"]).items()} == {"a": "1"}
    locks = [ask.lock("l", "r", owner, seconds=5) for owner in ("me", "you")]
    assert (locks, ask.unlock("l", "r", "you"), ask.unlock("l", "r", "me")) == ([True, False], False, True)


def test_what_the_fake_does_not_have_is_refused_as_dapr_refuses(ask: Questions) -> None:
    with pytest.raises(DaprError, match="ERR_SECRET_STORE_NOT_FOUND"):
        ask.secret("none", "x")
    with pytest.raises(DaprError, match="ERR_CONFIGURATION_STORE_NOT_FOUND"):
        ask.configuration("none")
    with pytest.raises(DaprError, match="knows no method 'm' of 'app'"):
        ask.invoke("app", "m")


def test_another_app_answers_as_said(ask: Questions, dapr: testing.Dapr) -> None:
    dapr.app("shop", "price", {"price": 5})
    assert ask.invoke("shop", "price", {"item": 1}).json() == {"price": 5}
    assert [(one.kind, one.component, one.topic, one.data) for one in dapr.sent] == [
        ("invocation", "shop", "price", {"item": 1})
    ]


async def test_an_absent_sidecar_is_ordered_too(ask: Questions, dapr: testing.Dapr) -> None:
    dapr.fail(status=0, times=-1)
    for _ in range(3):
        with pytest.raises(SidecarUnavailable):
            await ask.apublish("bus", "t", 1)
    dapr.heal()
    await ask.apublish("bus", "t", 1)
    assert (dapr.sent_to("t"), dapr.asked) == ([1], ["publish bus topic t"] * 4)


def test_a_bulk_is_recorded_one_by_one(ask: Questions, dapr: testing.Dapr) -> None:
    assert ask.publish_bulk("bus", "t", [{"n": 1}, "two"]) == ()
    assert dapr.sent_to("t") == [{"n": 1}, "two"]
