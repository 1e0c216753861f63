"""What KEDA's scalers make of what they read: a metric for the HPA, and whether there is any activity.

Facts in, numbers out; reading a broker is a provider's business. Formulas: KEDA pkg/scalers/*_scaler.go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from openfunction_eventing import schedules

LAG_THRESHOLD = 10
LATEST = "latest"
EARLIEST = "earliest"


class ScalerError(Exception):
    """A metric that cannot be known; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The metric, what one replica takes of it, and whether a replica is needed at all."""

    value: float
    target: float
    active: bool


@dataclass(frozen=True, slots=True)
class NatsConsumer:
    """Counts of a JetStream consumer, as its leader says them."""

    num_pending: int
    num_ack_pending: int


def nats_jetstream(
    consumer: NatsConsumer | None, *, threshold: int = LAG_THRESHOLD, activation: int = 0
) -> Reading:
    """Messages not delivered yet and messages not settled yet.

    Raises:
        ScalerError: there is no such consumer.
    """
    if consumer is None:
        raise ScalerError("the stream has no such consumer; it is made by whoever subscribes first")
    lag = consumer.num_pending + consumer.num_ack_pending
    return Reading(lag, threshold, lag > activation)


@dataclass(frozen=True, slots=True)
class Partition:
    """Offsets of one partition: `committed` None is none at all, `previous` that of the look before."""

    latest: int
    committed: int | None
    earliest: int | None = None
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Metadata of a kafka trigger."""

    threshold: int = LAG_THRESHOLD
    activation: int = 0
    reset: str = LATEST
    zero_on_invalid: bool = False
    exclude_persistent: bool = False
    idle_consumers: bool = False
    limit_to_lagging: bool = False
    even: bool = False


def kafka(partitions: Sequence[Partition | None], options: KafkaOptions = KafkaOptions()) -> Reading:
    """The lag of a group over all partitions; None is a partition that the answer did not hold."""
    lags = [partition_lag(one, options) for one in partitions if one is not None]
    total, with_persistent = sum(lag for lag, _ in lags), sum(whole for _, whole in lags)
    lagging = sum(1 for lag, _ in lags if lag > 0)
    return Reading(
        _capped(total, len(partitions), lagging, options),
        options.threshold,
        with_persistent > options.activation,
    )


def partition_lag(partition: Partition, options: KafkaOptions) -> tuple[int, int]:
    """The lag that counts for scaling, and the one that counts for activity."""
    if partition.committed is None:
        lag = 0 if options.zero_on_invalid else _uncommitted(partition, options.reset)
        return lag, lag
    lag = partition.latest - partition.committed
    stuck = options.exclude_persistent and partition.previous == partition.committed
    return (0, lag) if stuck else (lag, lag)


def _uncommitted(partition: Partition, reset: str) -> int:
    """Nothing was committed yet: a reader from the end has one message at most to wake for."""
    return 1 if reset == LATEST else partition.latest - (partition.earliest or 0)


def _capped(total: int, partitions: int, lagging: int, options: KafkaOptions) -> int:
    """More replicas than partitions would idle."""
    if options.idle_consumers and not (options.limit_to_lagging or options.even):
        return total
    if options.even:
        total = even_consumers(total, partitions, options.threshold) * options.threshold
    bound = lagging if options.limit_to_lagging else partitions
    return bound * options.threshold if total // options.threshold > bound else total


def even_consumers(total: int, partitions: int, threshold: int) -> int:
    """The smallest count that divides the partitions and takes the lag; all partitions when none does."""
    divisors = (count for count in range(1, partitions + 1) if partitions % count == 0)
    return next((count for count in divisors if count * threshold >= total), partitions)


@dataclass(frozen=True, slots=True)
class CronOptions:
    """An interval in a zone, and the replicas inside it."""

    timezone: str
    start: str
    end: str
    replicas: int


def cron(options: CronOptions, now: datetime) -> Reading:
    """The replicas inside the interval, none outside.

    Raises:
        ScalerError: an expression or the zone is wrong, or it never comes.
    """
    if options.start == options.end:
        raise ScalerError("start and end are the same, so the interval is empty; give another end")
    if not options.replicas:
        raise ScalerError("desiredReplicas is 0, so the interval asks for nothing; give 1 or more")
    try:
        zone = schedules.named(options.timezone)
        start, end = (
            schedules.following(schedules.parse(text, seconds=False, descriptors=False, zone=zone), now)
            for text in (options.start, options.end)
        )
    except ValueError as error:
        raise ScalerError(str(error)) from error
    if start is None or end is None:
        raise ScalerError(f"{options.start if start is None else options.end!r} never comes")
    # Inside, the end comes before the next start.
    inside = end <= start
    return Reading(options.replicas if inside else 0, 1, inside)


def prometheus(
    values: Sequence[float | None], *, threshold: float, activation: float = 0.0, ignore_nulls: bool = True
) -> Reading:
    """The one value of an instant query; None is null.

    Raises:
        ScalerError: more than one value, or none that can be used although that matters.
    """
    if len(values) > 1:
        raise ScalerError(
            f"the query gives {len(values)} values; write one that gives one, with sum() or max()"
        )
    found = values[0] if values else None
    if found is None or math.isnan(found) or math.isinf(found):
        if not ignore_nulls:
            raise ScalerError("the query gives no value; ignoreNullValues would read that as 0")
        found = 0.0
    return Reading(found, threshold, found > activation)


@dataclass(frozen=True, slots=True)
class PodUse:
    """What one ready Pod uses of a resource and asked for, in the same unit."""

    used: float
    requested: float | None = None


def resource(pods: Sequence[PodUse], *, target: float, kind: str = "Utilization") -> Reading:
    """cpu and memory: percent of the requests, or an average; always active, so never to zero alone.

    Raises:
        ScalerError: no Pod was measured, or one asks for nothing although percent are wanted.
    """
    if not pods:
        raise ScalerError("no ready Pod was measured")
    used = sum(one.used for one in pods)
    if kind == "AverageValue":
        return Reading(used, target, active=True)
    requests = [one.requested for one in pods]
    if any(not one for one in requests):
        raise ScalerError("a container has no request of the resource; percent are of requests")
    return Reading(math.trunc(used * 100 / sum(one or 0.0 for one in requests)), target, active=True)
