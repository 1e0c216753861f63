"""How often a delivery to the app is tried: the retry part of Dapr's Resiliency documents, as values.

It waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openfunction_eventing.component import read_span

_START = 0.5
_GROWTH = 1.5
_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Deliveries to the app from one component; times in seconds.

    Attributes:
        retries: how often more after the first; -1 for ever, 0 leaves it to the broker.
        first: the first pause.
        growth: what each pause is multiplied with.
        longest: no pause is longer.
        timeout: of one delivery; 0 waits as long as it takes.
    """

    retries: int = 0
    first: float = 0.0
    growth: float = 1.0
    longest: float = _LONGEST
    timeout: float = 0.0

    def pauses(self) -> Iterator[float]:
        """The pause before each further delivery."""
        pause, left = self.first, self.retries
        while left:
            yield min(pause, self.longest)
            pause, left = min(pause * self.growth, self.longest), left - 1


NONE = Policy()


def of_document(document: Mapping[str, Any]) -> dict[str, Policy]:
    """The inbound policies of a Resiliency document by component.

    Raises:
        ValueError: a policy is missing or cannot be read; the sentence says which.
    """
    spec = document.get("spec") or {}
    given = spec.get("policies") or {}
    targets = (spec.get("targets") or {}).get("components") or {}
    return {name: _inbound(one.get("inbound") or {}, given) for name, one in targets.items()}


def _inbound(target: Mapping[str, Any], given: Mapping[str, Any]) -> Policy:
    made = NONE
    if retry := target.get("retry"):
        made = _retry(_named(given, "retries", retry), retry)
    if timeout := target.get("timeout"):
        seconds = _span(_named(given, "timeouts", timeout), f"timeout {timeout}")
        made = Policy(made.retries, made.first, made.growth, made.longest, seconds)
    return made


def _retry(one: Mapping[str, Any], name: str) -> Policy:
    kind = str(one.get("policy") or "constant").lower()
    if kind not in {"constant", "exponential"}:
        raise ValueError(f"the policy of retry {name!r} is {kind!r}; it must be constant or exponential")
    retries = int(one.get("maxRetries", -1))
    if kind == "constant":
        pause = _span(one.get("duration", "5s"), f"duration of retry {name}")
        return Policy(retries, pause, 1.0, pause)
    longest = _span(one.get("maxInterval", "60s"), f"maxInterval of retry {name}")
    return Policy(retries, _span(one.get("duration", f"{_START}s"), name), _GROWTH, longest)


def _named(given: Mapping[str, Any], family: str, name: str) -> Any:  # Any: a text or a mapping, by family
    found = (given.get(family) or {}).get(name)
    if found is None:
        raise ValueError(f"there is no {name!r} in spec.policies.{family}; define it")
    return found


def _span(text: object, what: str) -> float:
    span = read_span(str(text))
    if span is None:
        raise ValueError(f"the {what} is {text!r}; write a span like 5s or 100ms")
    return span
