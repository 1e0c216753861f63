"""A function called with CloudEvents, of every mode."""

from __future__ import annotations

from typing import Any

import pytest

from functions_framework import CloudEvent, testing


def told(event: CloudEvent) -> Any:
    return {"type": event["type"], "source": event["source"], "mine": event.get("mine"), "data": event.data}


GIVEN = {"type": "order.made", "source": "/shop", "mine": "yes", "data": {"n": 1}}


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize(
    "given",
    [
        GIVEN,
        CloudEvent(
            {k: v for k, v in GIVEN.items() if k != "data"} | {"datacontenttype": "application/json"},
            {"n": 1},
        ),
    ],
)
def test_an_event_arrives_in_either_mode(given: Any, mode: Any) -> None:
    answer = testing.client(told, signature="cloudevent").event(given, mode=mode)
    assert answer.json() == {"type": "order.made", "source": "/shop", "mine": "yes", "data": {"n": 1}}


@pytest.mark.parametrize("data", [b"\x00\xff", "text", None, [1]])
@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_data_of_every_kind_arrives(data: Any, mode: Any) -> None:
    seen: list[Any] = []
    testing.client(lambda event: seen.append(event.data), signature="cloudevent").event(
        {"data": data}, mode=mode
    )
    assert seen == [data]


def test_what_an_event_needs_is_filled_in() -> None:
    answer = testing.client(told, signature="cloudevent").event({"data": 5}).json()
    assert (answer["type"], answer["source"], answer["data"]) == ("test.event", "/test", 5)


def test_an_event_that_is_answered_can_be_read() -> None:
    def answers(event: CloudEvent) -> CloudEvent:
        return CloudEvent(
            {"type": "answer", "source": "/me", "datacontenttype": "application/json"}, {"a": event.data}
        )

    answered = testing.client(answers, signature="cloudevent").event({"data": "q"}).event()
    assert (answered["type"], answered.data) == ("answer", {"a": "q"})


def test_a_request_that_is_no_event_is_refused_as_when_served() -> None:
    answer = testing.client(told, signature="cloudevent").post(json={"not": "an event"})
    assert (answer.status, "lacks" in answer.text) == (400, True)


def test_several_events_come_as_a_batch() -> None:
    seen: list[Any] = []

    def collects(event: CloudEvent) -> None:
        seen.append(event.data)

    answer = testing.client(collects, signature="cloudevent").event([{"data": 1}, {"data": 2}])
    assert (answer.ok, sorted(seen)) == (True, [1, 2])
