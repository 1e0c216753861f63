"""What follows an attempt to deliver: done, again after a while, or the dead letter. Knative's rules, pure.

Time is an argument; who sends is `sinks`.
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.documents import Delivery

# Statuses below 500 after which the same request may succeed (Knative's data plane contract).
RETRIED: Final = frozenset({404, 408, 409, 429})
_HEEDED: Final = frozenset({429, 503})  # whose Retry-After counts
# However often an exponential back-off doubles, an event is tried once an hour.
LONGEST: Final = 3600.0
ERROR_BYTES: Final = 1024
TTL: Final = "knativebrokerttl"
_PASSES: Final = 255
_DIGITS: Final = 255  # of a number of passes; Python reads none of thousands
# What Knative writes as the code when there was no answer.
_NO_ANSWER: Final = 500


@dataclass(slots=True)  # as envelope.Message
class Answered:
    """A sink's answer: its status, its Retry-After as sent, the start of its body, and the event it holds."""

    status: int
    retry_after: str = ""
    body: bytes = b""
    reply: CloudEvent | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer that counts; `final` when trying again cannot help."""

    sentence: str
    final: bool = False


Outcome = Answered | Failed


@dataclass(frozen=True, slots=True)
class Delivered:
    """The sink has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """No more attempts, and why; `code` and `data` go with the event."""

    reason: str
    code: int
    data: bytes = b""


Step = Delivered | Retry | DeadLetter


def next_step(outcome: Outcome, attempt: int, policy: Delivery, *, now: float) -> Step:
    """What follows attempt number `attempt`, counted from 1; `now` in seconds since the epoch."""
    if isinstance(outcome, Answered) and 200 <= outcome.status < 300:
        return Delivered()
    if not _may_retry(outcome):
        return _dead(outcome, "trying again cannot help")
    if attempt > policy.retry:
        return _dead(outcome, f"{attempt} of {policy.retry + 1} attempts made")
    wait = backoff(attempt - 1, policy)
    if isinstance(outcome, Answered) and outcome.status in _HEEDED and policy.retry_after_max is not None:
        wait = max(wait, min(_asked(outcome.retry_after, now), policy.retry_after_max))
    return Retry(wait)


def _may_retry(outcome: Outcome) -> bool:
    if isinstance(outcome, Failed):
        return not outcome.final
    return outcome.status in RETRIED or outcome.status >= 500


def _dead(outcome: Outcome, because: str) -> DeadLetter:
    if isinstance(outcome, Failed):
        return DeadLetter(
            f"{outcome.sentence}; {because}", _NO_ANSWER, outcome.sentence.encode()[:ERROR_BYTES]
        )
    return DeadLetter(f"status {outcome.status}; {because}", outcome.status, outcome.body[:ERROR_BYTES])


def backoff(number: int, policy: Delivery) -> float:
    """Seconds before retry `number`, counted from 0 as Knative does: the first linear one is at once."""
    if policy.backoff_policy == "linear":
        return min(policy.backoff_delay * number, LONGEST)
    return min(policy.backoff_delay * 2.0 ** min(number, 64), LONGEST)


def _asked(text: str, now: float) -> float:
    """Seconds of a Retry-After, a number or a date; 0 for neither."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)


def dead_letter(event: CloudEvent, step: DeadLetter, destination: str) -> CloudEvent:
    """The event itself, with where it could not go and what was answered there."""
    told = {
        **event.get_attributes(),
        "knativeerrordest": destination,
        "knativeerrorcode": str(step.code),
        "knativeerrordata": step.data.decode(errors="replace"),
    }
    return CloudEvent.read(told, event._data)  # noqa: SLF001 - the data stays as it came


def passed_on(event: CloudEvent) -> CloudEvent | None:
    """The event on its way back to the bus, one pass fewer left; None when it has gone round too often."""
    told = str(event.get(TTL, _PASSES))
    left = (int(told) if told.isdecimal() and len(told) <= _DIGITS else _PASSES) - 1
    if left <= 0:
        return None
    return CloudEvent.read({**event.get_attributes(), TTL: str(left)}, event._data)  # noqa: SLF001 - as above
