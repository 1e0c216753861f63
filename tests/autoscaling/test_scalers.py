"""What scalers make of what they read (autoscaling-keda.md §4); numbers written out."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import (
    CronOptions,
    KafkaOptions,
    NatsConsumer,
    Partition,
    PodUse,
    Reading,
    ScalerError,
)


@pytest.mark.parametrize(
    ("pending", "unsettled", "activation", "value", "active"),
    [
        (0, 0, 0, 0, False),
        (1, 0, 0, 1, True),
        (0, 1, 0, 1, True),
        (40, 10, 50, 50, False),
        (40, 11, 50, 51, True),
    ],
)
def test_jetstream_counts_what_is_not_delivered_and_not_settled(
    pending: int, unsettled: int, activation: int, value: int, active: bool
) -> None:
    reading = scalers.nats_jetstream(NatsConsumer(pending, unsettled), activation=activation)
    assert reading == Reading(value, 10, active)


def test_a_consumer_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ScalerError, match="no such consumer"):
        scalers.nats_jetstream(None)


EVEN = [Partition(latest, 0) for latest in (30, 30, 30, 30, 30, 30, 0, 0, 0, 0)]

# partitions, options, metric, active
KAFKA: list[tuple[list[Partition | None], KafkaOptions, int, bool]] = [
    ([Partition(100, 40), Partition(50, 50)], KafkaOptions(), 20, True),
    ([Partition(15, 5), Partition(5, 1)], KafkaOptions(), 14, True),
    ([Partition(100, 40), Partition(50, 50)], KafkaOptions(idle_consumers=True), 60, True),
    ([Partition(100, 40), Partition(50, 50)], KafkaOptions(limit_to_lagging=True), 10, True),
    ([Partition(10, 10)], KafkaOptions(), 0, False),
    ([Partition(10, 5)], KafkaOptions(activation=5), 5, False),
    ([Partition(10, 4)], KafkaOptions(activation=5), 6, True),
    ([Partition(10, None)], KafkaOptions(), 1, True),
    ([Partition(10, None)], KafkaOptions(zero_on_invalid=True), 0, False),
    ([Partition(10, None, earliest=4)], KafkaOptions(reset="earliest"), 6, True),
    ([Partition(10, None)], KafkaOptions(reset="earliest"), 10, True),
    ([Partition(10, None, earliest=4)], KafkaOptions(reset="earliest", zero_on_invalid=True), 0, False),
    ([Partition(10, 5, previous=5)], KafkaOptions(exclude_persistent=True), 0, True),
    ([Partition(10, 5, previous=4)], KafkaOptions(exclude_persistent=True), 5, True),
    ([Partition(10, 5)], KafkaOptions(exclude_persistent=True), 5, True),
    ([Partition(10, 5, previous=5)], KafkaOptions(), 5, True),
    ([Partition(10, 5), None], KafkaOptions(), 5, True),
    ([Partition(100, 0), None], KafkaOptions(), 20, True),
    (list(EVEN), KafkaOptions(even=True, threshold=60), 300, True),
    (list(EVEN), KafkaOptions(even=True, idle_consumers=True, threshold=60), 300, True),
    (list(EVEN), KafkaOptions(even=True, threshold=50), 250, True),
    (list(EVEN), KafkaOptions(even=True, threshold=1000), 1000, True),
]


@pytest.mark.parametrize(("partitions", "options", "value", "active"), KAFKA)
def test_kafka(partitions: list[Partition | None], options: KafkaOptions, value: int, active: bool) -> None:
    assert scalers.kafka(partitions, options) == Reading(value, options.threshold, active)


@pytest.mark.parametrize(
    ("lag", "partitions", "threshold", "consumers"),
    [
        (30, 10, 10, 5),
        (10, 10, 10, 1),
        (11, 10, 10, 2),
        (99, 10, 10, 10),
        (999, 10, 10, 10),
        (0, 12, 10, 1),
        (31, 12, 10, 4),
    ],
)
def test_consumers_that_divide_the_partitions(
    lag: int, partitions: int, threshold: int, consumers: int
) -> None:
    assert scalers.even_consumers(lag, partitions, threshold) == consumers


WORK = CronOptions("Europe/Berlin", "0 8 * * *", "0 18 * * *", 5)
NIGHT = CronOptions("UTC", "0 22 * * *", "0 6 * * *", 2)


@pytest.mark.parametrize(
    ("options", "now", "inside"),
    [
        (WORK, "2026-01-01T06:59:59", False),
        (WORK, "2026-01-01T07:00:00", True),
        (WORK, "2026-01-01T16:59:59", True),
        (WORK, "2026-01-01T17:00:00", False),
        (WORK, "2026-07-01T06:00:00", True),
        (NIGHT, "2026-01-01T23:00:00", True),
        (NIGHT, "2026-01-01T05:59:59", True),
        (NIGHT, "2026-01-01T06:00:00", False),
        (NIGHT, "2026-01-01T12:00:00", False),
    ],
)
def test_cron_is_inside_when_the_end_comes_before_the_next_start(
    options: CronOptions, now: str, inside: bool
) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert scalers.cron(options, at) == Reading(options.replicas if inside else 0, 1, inside)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CronOptions("Mars/Base", "0 8 * * *", "0 9 * * *", 1), "no time zone"),
        (CronOptions("UTC", "@daily", "0 9 * * *", 1), "five fields"),
        (CronOptions("UTC", "0 0 30 2 *", "0 9 * * *", 1), "never comes"),
    ],
)
def test_a_wrong_interval_is_an_error(options: CronOptions, words: str) -> None:
    with pytest.raises(ScalerError, match=words):
        scalers.cron(options, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("values", "activation", "value", "active"),
    [
        ([7.5], 0, 7.5, True),
        ([7.5], 7.5, 7.5, False),
        ([], 0, 0, False),
        ([None], 0, 0, False),
        ([math.nan], 0, 0, False),
        ([math.inf], 0, 0, False),
    ],
)
def test_prometheus(values: list[float | None], activation: float, value: float, active: bool) -> None:
    assert scalers.prometheus(values, threshold=5, activation=activation) == Reading(value, 5, active)


@pytest.mark.parametrize("values", [[], [None], [math.nan], [math.inf]])
def test_prometheus_without_a_value_is_an_error_when_that_matters(values: list[float | None]) -> None:
    with pytest.raises(ScalerError, match="no value"):
        scalers.prometheus(values, threshold=5, ignore_nulls=False)


def test_prometheus_with_two_values_is_an_error() -> None:
    with pytest.raises(ScalerError, match="2 values"):
        scalers.prometheus([1.0, 2.0], threshold=5)


def test_a_resource_is_percent_of_requests_or_a_sum() -> None:
    pods = [PodUse(300, 500), PodUse(101, 500)]
    assert scalers.resource(pods, target=60) == Reading(40, 60, active=True)
    assert scalers.resource(pods, target=100, kind="AverageValue") == Reading(401, 100, active=True)
    with pytest.raises(ScalerError, match="no request"):
        scalers.resource([PodUse(1)], target=60)
    with pytest.raises(ScalerError, match="no ready Pod"):
        scalers.resource([], target=60)
