"""The line of events on a whole platform: source, bus, trigger, a function at zero, its answer as the next event."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e import lines, platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def collector() -> Iterator[lines.Collector]:
    with lines.Collector() as one:
        yield one


@pytest.fixture(scope="module")
def line(collector: lines.Collector) -> Iterator[platform.Platform]:
    """A platform of its own, as its programs are killed."""
    with platform.started() as running:
        lines.set_up(running, collector)
        yield running


def at_zero(there: platform.Platform) -> bool:
    return not there.json("pods", "-l", "serving.knative.dev/revision")["items"]


def test_an_event_is_answered_by_a_function_at_zero(
    line: platform.Platform, collector: lines.Collector
) -> None:
    platform.until(lambda: at_zero(line), seconds=60, what="the function is at zero")
    line.ofn("publish", "door", "--type", "drawn", "--id", "first", "-d", '{"n": 21}')
    platform.until(lambda: collector.counted("/answers", "of")["first"] == 1, seconds=30, what="an answer")
    (answer,) = [one for one in collector.got["/answers"] if one["of"] == "first"]
    assert (answer["type"], answer["source"], answer["data"]) == (
        "answer",
        "/answerer",
        {"n": 21, "twice": 42},
    )
    assert {"received", "matched", "attempt", "replied", "acknowledged"} <= steps(line, "first")


def test_an_event_of_another_type_is_not_delivered_and_the_clause_is_told(
    line: platform.Platform, collector: lines.Collector
) -> None:
    line.ofn(
        "publish", "default-door-images", "--bus", "line", "--type", "other", "--id", "kept", "-d", '{"n": 1}'
    )
    platform.until(lambda: "acknowledged" in steps(line, "kept"), seconds=30, what="the event is settled")
    assert "matched" not in steps(line, "kept")
    assert "exact type 'drawn': it is 'other'" in line.ofn("why", "kept")
    assert collector.counted("/answers", "of")["kept"] == 0


def test_what_a_sink_refuses_for_good_goes_to_the_dead_letter_sink(
    line: platform.Platform, collector: lines.Collector
) -> None:
    line.ofn("publish", "door", "--type", "poison", "--id", "bad", "-d", '{"n": 1}')
    platform.until(lambda: collector.counted("/dead")["bad"] == 1, seconds=30, what="a dead letter")
    assert collector.counted("/failing")["bad"] == 2
    assert "dead_lettered" in steps(line, "bad")


def test_an_id_that_nobody_knows_is_not_found(line: platform.Platform) -> None:
    assert line.run("why", "nobody").returncode == 3


@pytest.mark.parametrize("name", lines.VICTIMS)
def test_every_acknowledged_event_is_handled_though_somebody_is_killed(
    line: platform.Platform, collector: lines.Collector, name: str
) -> None:
    print(lines.flow(line, collector, name, lines.VICTIMS[name], events=200))


def steps(there: platform.Platform, event: str) -> set[str]:
    """The steps that the journals have of an event."""
    done = there.run("why", event, "-o", "json")
    return {one["step"] for one in json.loads(done.stdout)} if done.returncode == 0 else set()
