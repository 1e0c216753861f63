"""What an app wants of a topic: where its events go, and how; from a document, over HTTP or over gRPC.

Nothing here reads a topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openfunction_eventing.filters import cel, syntax
from openfunction_eventing.filters.clause import Clause
from openfunction_eventing.filters.facts import Facts

DECLARATIVE, PROGRAMMATIC, STREAMING = "DECLARATIVE", "PROGRAMMATIC", "STREAMING"
_MOST, _AWAIT = 100, 1000


@dataclass(frozen=True, slots=True)
class Bulk:
    """Events are delivered many at once: so many at most, or those of so many seconds."""

    most: int = _MOST
    wait: float = _AWAIT / 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """Events for which `match` is true go to `path`; without a match all do."""

    path: str
    match: str = ""
    clause: Clause | None = None

    def passes(self, event: Mapping[str, Any]) -> bool:
        """Whether an event goes this way."""
        return self.clause is None or self.clause.passes(Facts(event, lambda: event.get("data")))


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic of one component."""

    pubsub: str
    topic: str
    rules: tuple[Rule, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    dead_letter: str = ""
    bulk: Bulk | None = None
    kind: str = PROGRAMMATIC

    @property
    def raw(self) -> bool:
        """The topic has payloads and no events."""
        return self.metadata.get("rawPayload", "").lower() in {"true", "1", "t", "yes", "y", "on"}

    def path(self, event: Mapping[str, Any]) -> str | None:
        """Where an event goes; None when no rule wants it."""
        for rule in self.rules:
            if rule.passes(event):
                return rule.path
        return None


def rules(given: Iterable[tuple[str, str]], default: str | None) -> tuple[Rule, ...]:
    """Rules in order, the default last.

    Raises:
        ValueError: a match cannot be read; it says where.
    """
    made = [Rule(path, match, _clause(match)) for match, path in given]
    return (*made, *([Rule(default)] if default is not None else []))


def _clause(match: str) -> Clause | None:
    text = match.strip()
    if not text:
        return None
    try:
        return cel.compile(text)
    except syntax.ParseError as error:
        raise ValueError(f"the rule {match!r} cannot be read: {error}") from error


def of_app(listed: Sequence[Mapping[str, Any]]) -> list[Subscription]:
    """What an app answers to GET /dapr/subscribe; one without any route is left out, as Dapr does."""
    return [found for one in listed if (found := _of_app(one)).rules]


def _of_app(one: Mapping[str, Any]) -> Subscription:
    routes = one.get("routes") or {}
    default = routes.get("default") or one.get("route") or None
    return Subscription(
        str(one.get("pubsubname") or ""),
        str(one.get("topic") or ""),
        rules(_matches(routes.get("rules")), default),
        _texts(one.get("metadata")),
        str(one.get("deadLetterTopic") or ""),
        bulk(one.get("bulkSubscribe")),
    )


def of_document(document: Mapping[str, Any]) -> Subscription:
    """A Subscription document, v1alpha1 with `route` or v2alpha1 with `routes`; raises ValueError."""
    spec = document.get("spec") or {}
    name = (document.get("metadata") or {}).get("name") or "?"
    routes = spec.get("routes") or {}
    default = routes.get("default") or spec.get("route") or None
    made = Subscription(
        str(spec.get("pubsubname") or ""),
        str(spec.get("topic") or ""),
        rules(_matches(routes.get("rules")), default),
        _texts(spec.get("metadata")),
        str(spec.get("deadLetterTopic") or ""),
        bulk(spec.get("bulkSubscribe")),
        DECLARATIVE,
    )
    if not (made.pubsub and made.topic and made.rules):
        raise ValueError(
            f"subscription {name!r} needs spec.pubsubname, spec.topic and spec.routes or spec.route"
        )
    return made


def bulk(given: Mapping[str, Any] | None) -> Bulk | None:
    """The limits of a bulk, when it is wanted."""
    if not given or not given.get("enabled"):
        return None
    most = int(given.get("maxMessagesCount") or 0)
    wait = int(given.get("maxAwaitDurationMs") or 0)
    return Bulk(most if most > 0 else _MOST, (wait if wait > 0 else _AWAIT) / 1000)


def merged(declared: Iterable[Subscription], told: Iterable[Subscription]) -> list[Subscription]:
    """Both, the document before the app where both name a topic."""
    found: dict[tuple[str, str], Subscription] = {}
    for one in (*declared, *told):
        found.setdefault((one.pubsub, one.topic), one)
    return list(found.values())


def _matches(given: Iterable[Mapping[str, Any]] | None) -> list[tuple[str, str]]:
    return [(str(one.get("match") or ""), str(one.get("path") or "")) for one in given or ()]


def _texts(given: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (given or {}).items()}
