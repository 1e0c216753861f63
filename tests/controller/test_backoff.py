"""Delays between attempts."""

from __future__ import annotations

from openfunction_py.controller.backoff import Backoff


def test_delays_double_up_to_the_cap() -> None:
    rule = Backoff(base=1.0, cap=5.0)
    assert [rule.delay(n, random=lambda: 0.0) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]


def test_jitter_takes_away_at_most_its_share() -> None:
    rule = Backoff(base=1.0, cap=5.0, jitter=0.5)
    assert rule.delay(1, random=lambda: 0.999) > 0.5
    assert rule.delay(1, random=lambda: 0.0) == 1.0


def test_ten_thousand_failures_are_still_a_number() -> None:
    assert Backoff(base=1.0, cap=5.0).delay(10_000, random=lambda: 0.0) == 5.0
