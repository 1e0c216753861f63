"""A kafka trigger's metadata as values: which group, which partitions, how the lag counts, how brokers are reached.

The keys, their defaults and what excludes what are those of KEDA's kafka scaler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openfunction_py.autoscaling.scalers import EARLIEST, LAG_THRESHOLD, LATEST, KafkaOptions, ScalerError
from openfunction_py.providers.keda import certificates
from openfunction_py.providers.keda.parameters import Look

PORT = 9092
_MECHANISMS = {
    "plaintext": "PLAIN",
    "scram_sha256": "SCRAM-SHA-256",
    "scram_sha512": "SCRAM-SHA-512",
}
_NOT_THERE = ("oauthbearer", "gssapi")


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger; without a topic it is about every topic of the group, without partitions about all of them."""

    servers: tuple[tuple[str, int], ...]
    group: str
    topic: str
    partitions: frozenset[int]
    options: KafkaOptions


def read(look: Look) -> Trigger:
    """The trigger; raises ScalerError."""
    topic = look.settings.get("topic", "")
    return Trigger(
        tuple(_server(part) for part in look.required("bootstrapServers").split(",") if part.strip()),
        look.required("consumerGroup"),
        topic,
        # KEDA reads a limitation only together with a topic
        _partitions(look) if topic else frozenset(),
        _options(look, topic),
    )


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (text.strip(), PORT)


def _partitions(look: Look) -> frozenset[int]:
    """Numbers and ranges with commas between them."""
    found: set[int] = set()
    for part in filter(
        None, (one.strip() for one in look.settings.get("partitionLimitation", "").split(","))
    ):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ScalerError(
                f"partitionLimitation of the trigger {look.name} has {part!r}; write numbers and ranges, like 1,3-5"
            )
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _options(look: Look, topic: str) -> KafkaOptions:
    reset = look.settings.get("offsetResetPolicy") or LATEST
    if reset not in (LATEST, EARLIEST):
        raise ScalerError(
            f"offsetResetPolicy of the trigger {look.name} is {reset!r}; write latest or earliest"
        )
    made = KafkaOptions(
        threshold=_whole(look, "lagThreshold", LAG_THRESHOLD, least=1),
        activation=_whole(look, "activationLagThreshold", 0, least=0),
        reset=reset,
        zero_on_invalid=look.flag("scaleToZeroOnInvalidOffset"),
        exclude_persistent=look.flag("excludePersistentLag"),
        idle_consumers=look.flag("allowIdleConsumers"),
        limit_to_lagging=look.flag("limitToPartitionsWithLag"),
        even=look.flag("ensureEvenDistributionOfPartitions"),
    )
    _check(look, made, topic)
    return made


def _check(look: Look, made: KafkaOptions, topic: str) -> None:
    for on, other, names in (
        (made.limit_to_lagging, made.idle_consumers, "limitToPartitionsWithLag and allowIdleConsumers"),
        (made.limit_to_lagging, made.even, "limitToPartitionsWithLag and ensureEvenDistributionOfPartitions"),
    ):
        if on and other:
            raise ScalerError(f"{names} of the trigger {look.name} exclude each other; give one of them")
    if (made.limit_to_lagging or made.even) and not topic:
        name = "limitToPartitionsWithLag" if made.limit_to_lagging else "ensureEvenDistributionOfPartitions"
        raise ScalerError(f"{name} of the trigger {look.name} needs the topic")


def _whole(look: Look, key: str, default: int, *, least: int) -> int:
    number = int(look.number(key, default))
    if number < least:
        raise ScalerError(f"{key} of the trigger {look.name} is {number}; it must be {least} or more")
    return number


def security(look: Look) -> dict[str, Any]:
    """Keyword arguments of the library for who we are and whether it is encrypted; raises ScalerError."""
    sasl = (look.settings.get("sasl") or "none").lower()
    encrypted = (look.settings.get("tls") or "disable").lower() == "enable"
    if sasl in _NOT_THERE or sasl not in ("none", *_MECHANISMS):
        known = ", ".join(("none", *_MECHANISMS))
        raise ScalerError(f"sasl of the trigger {look.name} is {sasl!r}; this platform has {known}")
    context = (
        {"ssl_context": certificates.context(look, own=bool(look.settings.get("cert")))} if encrypted else {}
    )
    if sasl == "none":
        return {"security_protocol": "SSL" if encrypted else "PLAINTEXT", **context}
    return {
        "security_protocol": "SASL_SSL" if encrypted else "SASL_PLAINTEXT",
        "sasl_mechanism": _MECHANISMS[sasl],
        "sasl_plain_username": look.required("username"),
        "sasl_plain_password": look.required("password"),
        **context,
    }
