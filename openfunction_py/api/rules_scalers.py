"""Rules of KEDA triggers by type (autoscaling-keda.md, §4 and traps): what KEDA would refuse later is refused here.

A type that is not in the table is KEDA's to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from openfunction_eventing import schedules
from openfunction_py.api.fields import DUPLICATE, Field, FieldError
from openfunction_py.api.keda import RESOURCES

METRICS = ("AverageValue", "Value", "Utilization")


def errors(triggers: Field) -> Iterator[FieldError]:
    """What is wrong with a list of triggers."""
    seen: set[str] = set()
    for trigger in triggers.items():
        name, kind = trigger["name"].text, trigger["type"].text
        if name and name in seen:
            yield FieldError(trigger["name"].path, DUPLICATE, f"{name!r} is given twice")
        seen.add(name)
        yield from _metric(trigger, kind)
        check = _CHECKS.get(kind)
        if check is not None and isinstance(trigger["metadata"].value, dict):
            yield from check(trigger["metadata"])


def only_resources(triggers: Field) -> bool:
    """Whether every trigger is cpu or memory: those cannot scale to zero, as nothing runs that could be measured."""
    kinds = [trigger["type"].text for trigger in triggers.items()]
    return bool(kinds) and all(kind in RESOURCES for kind in kinds)


def _metric(trigger: Field, kind: str) -> Iterator[FieldError]:
    metric = trigger["metricType"]
    if metric.text and metric.text not in METRICS:
        yield metric.unsupported(METRICS)
    elif metric.text == "Utilization" and kind not in RESOURCES:
        yield metric.invalid(f"a trigger {kind} has no utilization; use AverageValue or Value")
    if kind in RESOURCES and metric.text not in ("Utilization", "AverageValue"):
        yield metric.required(f"a trigger {kind} needs metricType Utilization or AverageValue")


def _number(field: Field, *, above: float | None = None, least: float | None = None) -> Iterator[FieldError]:
    """A number in a text, when given."""
    if not field.text:
        return
    try:
        value = float(field.text)
    except ValueError:
        yield field.invalid(f"{field.text!r} is no number")
        return
    if above is not None and value <= above:
        yield field.invalid(f"{field.text} is too small; it must be above {above:g}")
    if least is not None and value < least:
        yield field.invalid(f"{field.text} is too small; it must be {least:g} or more")


def _required(field: Field, words: str) -> Iterator[FieldError]:
    if not field.text:
        yield field.required(words)


def _on(field: Field) -> bool:
    return field.text.lower() in ("true", "1", "t")


def _kafka(metadata: Field) -> Iterator[FieldError]:
    yield from _number(metadata["lagThreshold"], above=0)
    yield from _number(metadata["activationLagThreshold"], least=0)
    limited, even = metadata["limitToPartitionsWithLag"], metadata["ensureEvenDistributionOfPartitions"]
    if _on(limited) and _on(metadata["allowIdleConsumers"]):
        yield limited.invalid("excludes allowIdleConsumers; give one of them")
    if _on(limited) and _on(even):
        yield even.invalid("excludes limitToPartitionsWithLag; give one of them")
    for field in (limited, even):
        if _on(field) and not metadata["topic"].text:
            yield metadata["topic"].required(f"{field.path.rpartition('.')[2]} needs the topic")
    policy = metadata["offsetResetPolicy"]
    if policy.text and policy.text not in ("latest", "earliest"):
        yield policy.unsupported(("latest", "earliest"))


def _nats(metadata: Field) -> Iterator[FieldError]:
    yield from _number(metadata["lagThreshold"], above=0)
    yield from _number(metadata["activationLagThreshold"], least=0)
    endpoint = metadata["natsServerMonitoringEndpoint"]
    if "://" in endpoint.text:
        yield endpoint.invalid("is host:port without a scheme; useHttps says which scheme")


def _cron(metadata: Field) -> Iterator[FieldError]:
    yield from _required(metadata["timezone"], "name the zone, like Europe/Berlin")
    if metadata["timezone"].text:
        yield from _parsed(metadata["timezone"], schedules.named)
    for name in ("start", "end"):
        yield from _required(metadata[name], "give five fields, like '0 8 * * *'")
        if metadata[name].text:
            yield from _parsed(metadata[name], _five)
    if metadata["start"].text and metadata["start"].text == metadata["end"].text:
        yield metadata["end"].invalid("is the same as start; the interval would be empty")
    yield from _required(metadata["desiredReplicas"], "say how many")
    yield from _number(metadata["desiredReplicas"], least=0)


def _five(text: str) -> object:
    return schedules.parse(text, seconds=False, descriptors=False)


def _parsed(field: Field, parse: Callable[[str], object]) -> Iterator[FieldError]:
    try:
        parse(field.text)
    except ValueError as error:
        yield field.invalid(str(error))


def _prometheus(metadata: Field) -> Iterator[FieldError]:
    for name, words in (
        ("serverAddress", "give the address of Prometheus"),
        ("query", "give the query"),
        ("threshold", "say how much one replica takes"),
    ):
        yield from _required(metadata[name], words)
    yield from _number(metadata["threshold"], above=0)
    yield from _number(metadata["activationThreshold"], least=0)


def _rabbitmq(metadata: Field) -> Iterator[FieldError]:
    host, protocol = metadata["host"].text, metadata["protocol"].text
    over_amqp = protocol == "amqp" or (protocol in ("", "auto") and host.startswith("amqp"))
    for name in ("excludeUnacknowledged", "useRegex"):
        if _on(metadata[name]) and over_amqp:
            yield metadata[name].invalid("works over HTTP only; write protocol: http")


def sleeps_for_ever(trigger: Field) -> bool:
    """Whether a trigger can never wake from zero: of a stream's group, what is pending is with a consumer already."""
    metadata = trigger["metadata"]
    grouped = trigger["type"].text.startswith("redis") and trigger["type"].text.endswith("streams")
    return grouped and bool(metadata["consumerGroup"].text) and not metadata["lagCount"].text


def _resource(metadata: Field) -> Iterator[FieldError]:
    yield from _required(metadata["value"], "give the target, like 60 or 500m")
    if metadata["type"].present:
        yield metadata["type"].forbidden("is no more; write metricType beside metadata")


_CHECKS: dict[str, Callable[[Field], Iterator[FieldError]]] = {
    "kafka": _kafka,
    "nats-jetstream": _nats,
    "stan": _nats,
    "cron": _cron,
    "rabbitmq": _rabbitmq,
    "prometheus": _prometheus,
    "cpu": _resource,
    "memory": _resource,
}
