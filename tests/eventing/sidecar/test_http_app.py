"""An app over HTTP: what it wants, what it gets, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from openfunction_eventing.sidecar import subscriptions
from openfunction_eventing.sidecar.policies import Policy
from openfunction_eventing.sidecar.resources import Resources
from tests.eventing.sidecar.conftest import App, Setup, running, serving
from tests.waiting import until


def wanted(topic: str = "t", route: str = "/on", **more: Any) -> dict[str, Any]:
    return {"pubsubname": "bus", "topic": topic, "route": route, **more}


def once(first: Any, then: Any = None) -> Any:
    """Answers `first` to the first that comes, `then` to all others."""
    left = [first]
    return lambda _: left.pop() if left else (then or {})


async def publish(made: Setup, body: bytes = b"x", topic: str = "t", kind: str = "text/plain") -> None:
    told = await made.http.post(f"/v1.0/publish/bus/{topic}", content=body, headers={"content-type": kind})
    assert told.status_code == 204


def kinds(made: Setup, topic: str = "t") -> list[str]:
    return [one.kind for one in made.bus.readings[topic][0].verdicts]


async def test_an_event_comes_as_a_structured_cloudevent_with_the_apps_token() -> None:
    async with serving(App([wanted()])) as app, running(app_port=app.port, app_token="to-app") as made:
        await made.attached()
        await publish(made, b'{"a": 1}', kind="application/json")
        await until(lambda: kinds(made) == ["ack"])
        _, _, headers, body = next(one for one in app.asked if one[1] == "/on")
        event = json.loads(body)
        assert (event["data"], event["topic"], event["pubsubname"]) == ({"a": 1}, "t", "bus")
        assert (headers["content-type"], headers["dapr-api-token"]) == (
            "application/cloudevents+json",
            "to-app",
        )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": "SUCCESS"}, ["ack"]),
        ({"status": ""}, ["ack"]),
        ({}, ["ack"]),
        ("no object", ["ack"]),
        (204, ["ack"]),
        ({"status": "DROP"}, ["drop"]),
        (404, ["drop"]),
        ({"status": "RETRY"}, ["retry", "ack"]),
        ({"status": "ODD"}, ["retry", "ack"]),
        (400, ["retry", "ack"]),
        (500, ["retry", "ack"]),
        (302, ["retry", "ack"]),
    ],
)
async def test_the_answer_decides_what_becomes_of_an_event(answer: Any, expected: list[str]) -> None:
    app = App([wanted()], answers={"/on": once(answer)})
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        await publish(made)
        await until(lambda: kinds(made) == expected)


async def test_events_wait_for_an_app_that_is_not_up_and_for_one_that_went_away() -> None:
    app = App([wanted()])
    async with serving(app):
        pass  # its port is known now, and closed
    async with running(app_port=app.port) as made:
        assert not made.attaching.done()
        async with serving(app):
            await made.attached()
        await publish(made, b"while away")
        async with serving(app):
            await until(lambda: kinds(made) == ["ack"])
            assert json.loads(app.bodies("/on")[-1])["data"] == "while away"


async def test_a_policy_tries_again_before_the_dead_letter() -> None:
    app = App([wanted(deadLetterTopic="dead")], answers={"/on": lambda _: 500})
    found = Resources(policies={"bus": Policy(retries=2)})
    async with serving(app), running(found, app_port=app.port) as made:
        await made.attached()
        await publish(made, b"poison")
        await until(lambda: kinds(made) == ["ack"])
        assert len(app.bodies("/on")) == 3
        topic, body = made.bus.stored[-1]
        assert (topic, json.loads(body)["data"]) == ("dead", "poison")


async def test_a_dropped_event_is_a_dead_letter_and_one_that_cannot_be_stored_stays() -> None:
    app = App([wanted(deadLetterTopic="dead")], answers={"/on": lambda _: {"status": "DROP"}})
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        await publish(made, b"bad")
        await until(lambda: kinds(made) == ["drop"])
        assert [topic for topic, _ in made.bus.stored] == ["t", "dead"]
        reading = made.bus.readings["t"][0]

        def drop(_: bytes) -> Any:
            made.bus.refuses = "full"
            return {"status": "DROP"}

        app.answers["/on"] = drop
        await publish(made, b"worse")
        await until(lambda: "retry" in [one.kind for one in reading.verdicts])
        app.answers["/on"] = lambda _: {}  # the bus still refuses: a drop on its way comes again as well
        await until(lambda: kinds(made)[-1] == "ack")


async def test_a_bulk_has_a_status_for_each_entry() -> None:
    def answer(body: bytes) -> Any:
        told = []
        for entry in json.loads(body)["entries"]:
            words = {"again": "RETRY" if not seen else "SUCCESS", "bad": "DROP", "mute": None}
            word = words.get(entry["event"]["data"], "SUCCESS")
            told.append({"entryId": entry["entryId"], "status": word})
        seen.append(body)
        return {"statuses": [one for one in told if one["status"]]}

    seen: list[bytes] = []
    bulk = {"enabled": True, "maxMessagesCount": 3, "maxAwaitDurationMs": 300}
    app = App([wanted(bulkSubscribe=bulk)], answers={"/on": answer})
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        for word in (b"good", b"again", b"bad"):
            await publish(made, word)
        await until(lambda: sorted(kinds(made)) == ["ack", "ack", "drop", "retry"])
        first = json.loads(seen[0])
        assert (len(first["entries"]), first["topic"], first["pubsubname"]) == (3, "t", "bus")
        await publish(made, b"mute")
        await until(lambda: kinds(made)[-1] == "retry")


async def test_routes_are_chosen_by_rules() -> None:
    routes = {"rules": [{"match": 'event.type == "special"', "path": "/special"},
                        {"match": "event.data.size > 10", "path": "/large"}], "default": "/on"}  # fmt: skip
    app = App([{"pubsubname": "bus", "topic": "t", "routes": routes}])
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        await made.http.post("/v1.0/publish/bus/t?metadata.cloudevent.type=special", content=b"a")
        await publish(made, b'{"size": 11}', kind="application/json")
        await publish(made, b'{"size": 9}', kind="application/json")
        await until(lambda: kinds(made) == ["ack"] * 3)
        assert [len(app.bodies(path)) for path in ("/special", "/large", "/on")] == [1, 1, 1]


async def test_an_expired_event_is_not_delivered() -> None:
    async with serving(App([wanted()])) as app, running(app_port=app.port) as made:
        await made.attached()
        event = {
            "id": "1",
            "source": "s",
            "type": "t",
            "specversion": "1.0",
            "expiration": "2020-01-01T00:00:00Z",
        }
        await publish(made, json.dumps(event).encode(), kind="application/cloudevents+json")
        await until(lambda: kinds(made) == ["drop"])
        assert app.bodies("/on") == []


async def test_raw_payloads_come_in_base64() -> None:
    app = App([wanted(metadata={"rawPayload": "true"})])
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        await made.http.post("/v1.0/publish/bus/t?metadata.rawPayload=true", content=b"\x01raw")
        await until(lambda: kinds(made) == ["ack"])
        assert json.loads(app.bodies("/on")[0])["data_base64"] == "AXJhdw=="


async def test_a_declared_subscription_is_read_and_goes_before_the_apps() -> None:
    document = {"metadata": {"name": "s"}, "spec": {"pubsubname": "bus", "topic": "t", "route": "/declared"}}
    found = Resources(subscriptions=(subscriptions.of_document(document),))
    app = App([wanted(), wanted("u")])
    async with serving(app), running(found, app_port=app.port) as made:
        await made.attached()
        await publish(made)
        await publish(made, topic="u")
        await until(lambda: kinds(made) == ["ack"] and kinds(made, "u") == ["ack"])
        assert (len(app.bodies("/declared")), len(app.bodies("/on"))) == (1, 1)
        listed = (await made.http.get("/v1.0/metadata")).json()["subscriptions"]
        assert {(one["topic"], one["type"]) for one in listed} == {
            ("t", "DECLARATIVE"),
            ("u", "PROGRAMMATIC"),
        }


async def test_a_topic_that_cannot_be_read_does_not_keep_the_others() -> None:
    app = App([{**wanted(), "pubsubname": "none"}, wanted("hidden"), wanted("u")])
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        assert list(made.bus.readings) == ["u"]


async def test_no_more_are_under_way_than_the_app_takes() -> None:
    app, release = App([wanted()]), asyncio.Event()
    now, most = 0, 0
    plain = app.handle

    async def slow(request: Any) -> Any:
        nonlocal now, most
        if request.path == "/on":
            now, most = now + 1, max(most, now + 1)
            await release.wait()
            now -= 1
        return await plain(request)

    app.handle = slow  # type: ignore[method-assign]  # the app's own, made slow
    async with serving(app), running(app_port=app.port, max_concurrency=2) as made:
        await made.attached()
        for _ in range(5):
            await publish(made)
        await until(lambda: now == 2)
        release.set()
        await until(lambda: kinds(made) == ["ack"] * 5)
        assert most == 2


async def test_what_is_under_way_is_settled_before_the_end() -> None:
    app, release = App([wanted()]), asyncio.Event()
    plain = app.handle

    async def slow(request: Any) -> Any:
        if request.path == "/on":
            await release.wait()
        return await plain(request)

    app.handle = slow  # type: ignore[method-assign]  # the app's own, made slow
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        await publish(made)
        await until(lambda: len(made.bus.readings["t"]) == 1 and made.bus.readings["t"][0].backlog() == 1)
        stopping = asyncio.get_running_loop().create_task(made.sidecar.stop_reading())
        release.set()
        await stopping
        assert kinds(made) == ["ack"]


async def test_what_waits_for_an_app_that_is_away_is_the_brokers_at_the_end() -> None:
    app = App([wanted(deadLetterTopic="dead")])
    async with serving(app):
        pass  # its port is known now
    async with running(Resources(policies={"bus": Policy(retries=-1)}), app_port=app.port) as made:
        async with serving(app):
            await made.attached()
        await publish(made)
        await made.sidecar.stop_reading()
        assert kinds(made) == ["retry"]
        assert [topic for topic, _ in made.bus.stored] == ["t"]


# bindings and invocation


async def test_an_input_binding_calls_an_app_that_wants_it() -> None:
    app = App(answers={"/files": lambda _: {"ok": True}})
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        assert made.files.read_by is not None
        assert (await made.files.read_by(b"data", {"k": "v"})).kind == "ack"
        method, _, headers, body = app.asked[-1]
        assert (method, headers["k"], body) == ("POST", "v", b"data")
        app.answers["/files"] = lambda _: 500
        assert (await made.files.read_by(b"data", {})).kind == "retry"


async def test_an_input_binding_that_the_app_does_not_want_is_not_read() -> None:
    async with serving(App()) as app, running(app_port=app.port) as made:
        await made.attached()
        assert ("OPTIONS", "/files") in [one[:2] for one in app.asked]
        assert made.files.read_by is None


@pytest.mark.parametrize("by", ["path", "header", "basic"])
async def test_an_app_is_invoked(by: str) -> None:
    app = App(answers={"/a/b": lambda body: {"got": body.decode()}})
    async with serving(app), running(app_port=app.port) as made:
        await made.attached()
        path = "/v1.0/invoke/app/method/a/b" if by == "path" else "/a/b"
        headers = {"dapr-app-id": "app"} if by == "header" else {}
        auth = httpx.BasicAuth("dapr-app-id", "app") if by == "basic" else httpx.USE_CLIENT_DEFAULT
        told = await made.http.put(f"{path}?q=1", content=b"hi", headers=headers, auth=auth)
        assert (told.status_code, told.json()) == (200, {"got": "hi"})
        assert app.asked[-1][:2] == ("PUT", "/a/b?q=1")


async def test_an_apps_own_error_is_the_answer() -> None:
    app = App(answers={"/no": lambda _: 418})
    async with serving(app), running(app_port=app.port) as made, serving(App()) as other:
        assert (await made.http.get("/v1.0/invoke/app/method/no")).status_code == 418
        async with running(peers={"other": ("127.0.0.1", other.port)}) as peer:
            assert (await peer.http.get("/v1.0/invoke/other/method/x")).status_code == 200
            told = await peer.http.get("/v1.0/invoke/app/method/x")
            assert (told.status_code, "--app-port" in told.json()["message"]) == (500, True)
