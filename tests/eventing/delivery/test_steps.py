"""What follows an attempt: Knative's table of statuses, its back-off, and what goes with a dead letter."""

from __future__ import annotations

import pytest

from openfunction_eventing import delivery
from openfunction_eventing.delivery import Answered, DeadLetter, Delivered, Failed, Retry, next_step
from openfunction_eventing.documents import Delivery
from tests.eventing import parts

NOW = 1_800_000_000.0
POLICY = Delivery(retry=3, backoff_policy="linear", backoff_delay=2.0)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(status: int) -> None:
    assert next_step(Answered(status), 1, POLICY, now=NOW) == Delivered()


@pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 501, 502, 503, 504, 599])
def test_these_statuses_are_tried_again(status: int) -> None:
    assert isinstance(next_step(Answered(status), 1, POLICY, now=NOW), Retry)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 304, 400, 401, 403, 405, 410, 413, 415, 422, 431])
def test_these_statuses_are_final(status: int) -> None:
    step = next_step(Answered(status, body=b"no"), 1, POLICY, now=NOW)
    assert step == DeadLetter(f"status {status}; trying again cannot help", status, b"no")


def test_no_answer_is_tried_again_and_a_wrong_url_is_not() -> None:
    assert isinstance(next_step(Failed("no answer"), 1, POLICY, now=NOW), Retry)
    assert isinstance(next_step(Failed("no URL", final=True), 1, POLICY, now=NOW), DeadLetter)


def test_retry_counts_the_attempts_after_the_first() -> None:
    steps = [next_step(Answered(500), attempt, POLICY, now=NOW) for attempt in (1, 2, 3, 4)]
    assert [type(one) for one in steps] == [Retry, Retry, Retry, DeadLetter]
    assert steps[-1] == DeadLetter("status 500; 4 of 4 attempts made", 500)


@pytest.mark.parametrize(
    ("policy", "waits"),
    [("linear", [0.0, 2.0, 4.0, 6.0]), ("exponential", [2.0, 4.0, 8.0, 16.0])],
)
def test_back_off_counts_from_zero(policy: str, waits: list[float]) -> None:
    chosen = Delivery(retry=9, backoff_policy=policy, backoff_delay=2.0)
    assert [next_step(Answered(500), attempt, chosen, now=NOW) for attempt in (1, 2, 3, 4)] == [
        Retry(wait) for wait in waits
    ]


def test_a_back_off_never_exceeds_an_hour() -> None:
    assert delivery.backoff(1000, Delivery(retry=1000)) == delivery.LONGEST


@pytest.mark.parametrize(
    ("status", "header", "limit", "wait"),
    [
        (503, "7", 60.0, 7.0),
        (429, "7", 60.0, 7.0),
        (503, "7", 5.0, 5.0),
        (503, "1", 60.0, 2.0),
        (503, "7", None, 2.0),
        (503, "soon", 60.0, 2.0),
        (503, "\u00b2", 60.0, 2.0),
        (500, "7", 60.0, 2.0),
        (503, "Fri, 15 Jan 2027 08:00:09 GMT", 60.0, 9.0),
    ],
)
def test_retry_after_counts_where_it_is_allowed(
    status: int, header: str, limit: float | None, wait: float
) -> None:
    policy = Delivery(retry=3, backoff_policy="linear", backoff_delay=2.0, retry_after_max=limit)
    assert next_step(Answered(status, header), 2, policy, now=NOW) == Retry(wait)


def test_a_dead_letter_is_the_event_and_what_went_wrong() -> None:
    given = parts.event(data={"n": 1}, color="red")
    letter = delivery.dead_letter(given, DeadLetter("status 400", 400, b"bad \xff"), "http://sink/")
    added = {
        "knativeerrordest": "http://sink/",
        "knativeerrorcode": "400",
        "knativeerrordata": "bad \ufffd",
    }
    assert letter.get_attributes() == {**given.get_attributes(), **added}
    assert letter.data == {"n": 1}


def test_error_data_is_cut_at_1024_bytes() -> None:
    step = next_step(Answered(400, body=b"x" * 5000), 1, POLICY, now=NOW)
    assert isinstance(step, DeadLetter)
    assert len(step.data) == 1024


def test_passes_that_nobody_can_count_are_all_of_them() -> None:
    going = delivery.passed_on(parts.event(knativebrokerttl="\u00b2"))
    assert going is not None
    assert going[delivery.TTL] == "254"


def test_an_event_goes_round_the_bus_254_times() -> None:
    passes, going = 0, delivery.passed_on(parts.event())
    while going is not None:
        passes += 1
        going = delivery.passed_on(going)
    assert passes == 254
