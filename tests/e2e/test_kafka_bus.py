"""A bus on Kafka on a whole platform: to a function at zero and back, topics, dead letters, conditions, kill -9."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e import kafka, lines, platform
from tests.eventing import brokers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def collector() -> Iterator[lines.Collector]:
    with lines.Collector() as one:
        yield one


@pytest.fixture(scope="module")
def broker() -> Iterator[brokers.Kafka]:
    with kafka.running() as one:
        yield one


@pytest.fixture(scope="module")
def line(broker: brokers.Kafka, collector: lines.Collector) -> Iterator[platform.Platform]:
    """A platform of its own, as its programs are killed."""
    with platform.started() as running:
        kafka.set_up(running, broker, collector)
        yield running


def test_an_event_is_answered_by_a_function_at_zero(
    line: platform.Platform, collector: lines.Collector
) -> None:
    asleep = lambda: not line.json("pods", "-l", "serving.knative.dev/revision")["items"]  # noqa: E731 - once
    platform.until(asleep, seconds=60, what="the function is at zero")
    assert lines.post(kafka.door(line, "images"), "first", "drawn", 21) == 202
    platform.until(lambda: collector.counted("/answers", "of")["first"] == 1, seconds=60, what="an answer")
    (answer,) = [one for one in collector.got["/answers"] if one["of"] == "first"]
    assert answer["data"] == {"n": 21, "twice": 42}
    story = json.loads(line.ofn("why", "first", "-o", "json"))
    assert {"received", "matched", "attempt", "replied"} <= {one["step"] for one in story}


def test_what_a_sink_refuses_goes_to_the_dead_letter_topic(
    line: platform.Platform, collector: lines.Collector
) -> None:
    assert lines.post(kafka.door(line, "images"), "bad", "poison", 1) == 202
    platform.until(lambda: collector.counted("/dead")["bad"] == 1, seconds=60, what="a dead letter")
    assert collector.counted("/failing")["bad"] == 2


def test_a_condition_over_two_inputs_fires_with_the_second_and_a_topic_is_a_subscriber(
    line: platform.Platform, collector: lines.Collector
) -> None:
    dispatcher = "openfunction_eventing.dispatcher"
    assert lines.post(kafka.door(line, "images"), "one", "other", 1) == 202
    platform.until(lambda: settled(line, "one"), seconds=60, what="the first is settled")
    lines.kill(line, dispatcher)
    assert lines.post(kafka.door(line, "tickets"), "two", "other", 1) == 202
    platform.until(lambda: collector.counted("/both")["two"] == 1, seconds=60, what="both have come")
    platform.until(lambda: collector.counted("/passed")["two"] == 1, seconds=60, what="the topic's event")
    assert collector.counted("/both")["one"] == 0


def test_the_bus_says_that_its_broker_is_away_and_that_it_is_back(
    line: platform.Platform, broker: brokers.Kafka
) -> None:
    broker.kill()
    try:
        again = json.loads(json.dumps(kafka.bus("EventBus", kafka.BUS, broker)))
        again["spec"]["topic"] = "asked-again"
        line.apply(again, wait=False)
        platform.until(lambda: not is_well(line), seconds=90, what="the bus is not Ready")
        (told,) = line.json("eventbus", kafka.BUS)["status"]["conditions"]
        assert (told["reason"], broker.url in told["message"]) == ("BrokerUnreachable", True)
    finally:
        broker.start()
    platform.until(lambda: is_well(line), seconds=90, what="the bus is Ready again")


def is_well(there: platform.Platform) -> bool:
    return lines.ready(there, "eventbus", kafka.BUS)


def test_a_bus_for_the_cluster_serves_a_namespace_without_one(
    line: platform.Platform, broker: brokers.Kafka, collector: lines.Collector
) -> None:
    line.apply(kafka.bus("ClusterEventBus", "wide", broker), wait=False)
    passes(line, collector, "wide", "clustereventbus")


def test_a_bus_whose_broker_wants_a_password_takes_it_from_a_secret(
    line: platform.Platform, broker: brokers.Kafka, collector: lines.Collector
) -> None:
    secret = {"metadata": {"name": "kafka-login"}, "stringData": {"password": "wrong"}}
    line.apply({"apiVersion": "v1", "kind": "Secret", **secret}, wait=False)
    login = {"authRequired": True, "disableTls": True, "saslUsername": "me"}
    password = {"saslPasswordSecret": {"name": "kafka-login", "key": "password"}}
    spec = {"brokers": broker.guarded_url, **login, **password}
    line.apply(lines.made("EventBus", "locked", kafka=spec), wait=False)
    platform.until(lambda: refused(line, "locked"), seconds=60, what="the bus says that it is refused")
    line.apply(
        {"apiVersion": "v1", "kind": "Secret", **secret, "stringData": {"password": "right"}}, wait=False
    )
    passes(line, collector, "locked", "eventbus")


def refused(there: platform.Platform, bus: str) -> bool:
    told = (there.json("eventbus", bus).get("status") or {}).get("conditions", [])
    return [one["reason"] for one in told] == ["CredentialsRefused"]


def passes(there: platform.Platform, collector: lines.Collector, bus: str, kind: str) -> None:
    """An event goes from a source through a bus and a Trigger of the bus's name."""
    there.apply(lines.made("EventSource", bus, eventBus=bus, http={"posts": {}}), wait=False)
    posts = {"post": {"eventSource": bus, "event": "posts"}}
    sink = lines.subscriber("post", f"{collector.url}/{bus}")
    there.apply(lines.made("Trigger", bus, eventBus=bus, inputs=posts, subscribers=[sink]), wait=False)
    kafka.until_ready(there, (kind, bus), ("eventsource", bus), ("trigger", bus))
    there.ofn("publish", bus, "--type", "t", "--id", "far", "-d", '{"n": 1}')
    platform.until(lambda: collector.counted(f"/{bus}")["far"] == 1, seconds=60, what="the event")


@pytest.mark.parametrize("victim", ["dispatcher", "source", "broker"])
def test_every_acknowledged_event_is_handled_though_somebody_is_killed(
    line: platform.Platform, broker: brokers.Kafka, collector: lines.Collector, victim: str
) -> None:
    words = (lambda: kafka.fall(broker)) if victim == "broker" else lines.VICTIMS[victim]
    print(lines.flow(line, collector, victim, words, events=200))


def settled(there: platform.Platform, event: str) -> bool:
    """Whether the journal says that an event is done."""
    done = there.run("why", event, "-o", "json")
    return done.returncode == 0 and "acknowledged" in {one["step"] for one in json.loads(done.stdout)}
