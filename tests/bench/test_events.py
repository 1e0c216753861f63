"""The rows about events, each once and small: both sides are there, and what was sent is accounted for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench import chain, flood, pipes, triggers
from tests.bench.plan import Plan
from tests.conformance.dapr import daprd
from tests.eventing import brokers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ONCE = Plan(("events",), (), 1)


def test_what_is_filled_in_is_found_again(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path / "nats")
    with brokers.running(broker):
        flood.run(flood.make(broker.url, "topic"))
        assert flood.run(flood.fill(broker.url, "topic", 5, 700)) > 0
        found = flood.run(flood.numbers(broker.url, "topic"))
    assert found == dict.fromkeys(range(5, 705), 1)


def test_a_pipe_of_both_sidecars_prints_its_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    daprd.program()
    monkeypatch.setattr(pipes, "POLICIES", {"default sync": ("", 80)})
    pipes.throughput(ONCE)
    told = capsys.readouterr().out
    assert "pipe, daprd, default sync" in told
    assert "pipe, raw, default sync" in told
    # Delivery is at least once on both sides: a repeat is counted and printed, a loss is a failure. A slice that the
    # host spoiled is taken again, so there may be more than the two that a round takes.
    for name, slice_of in (("ours", 80), ("daprd", 20)):
        found = re.search(rf"{name}: sent (\d+), lost 0, repeated \d+", told)
        assert found, told
        slices, rest = divmod(int(found[1]), slice_of)
        assert (slices >= 2, rest) == (True, 0), told


def test_a_chain_of_ours_hands_every_event_on(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path / "nats")
    with brokers.running(broker), chain.ours(tmp_path / "ours", broker) as one:
        assert one.turn(100).rate > 0
        assert one.turn(50).rate > 0
        assert one.checked() == "ours: acknowledged 150, lost 0, repeated 0"


def test_many_triggers_deliver_each_event_once(capsys: pytest.CaptureFixture[str]) -> None:
    triggers.triggers(ONCE, many=200, events=50)
    told = capsys.readouterr().out
    assert "an event with 200 triggers on its bus" in told
    found = re.search(r"few: sent (\d+), delivered (\d+)", told)
    assert found, told
    assert found[1] == found[2], told
    assert int(found[1]) >= 100, told
