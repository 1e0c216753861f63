"""What an app tells its sidecar over HTTP: its subscriptions and its configuration. Values only; no routes run here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

from functions_framework.errors import HttpError
from functions_framework.request import Request

SUBSCRIBE: Final = b"/dapr/subscribe"
CONFIG: Final = b"/dapr/config"
TOKEN: Final = "dapr-api-token"  # noqa: S105  # a header's name
_TOKEN: Final = TOKEN.encode()
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_OWN_METADATA = frozenset({"bulkSubscribe", "maxMessagesCount", "maxAwaitDurationMs", "deadLetterTopic"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic that the function wants, and the path where its events are delivered.

    `metadata` goes to the component, but for what Dapr spells as a field of its own: `bulkSubscribe` with
    `maxMessagesCount` and `maxAwaitDurationMs`, and `deadLetterTopic`.
    """

    pubsub: str
    topic: str
    route: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def bulk(self) -> bool:
        """Events come in bulk."""
        return self.metadata.get("bulkSubscribe", "").lower() == "true"

    @property
    def limits(self) -> dict[str, int]:
        """The limits of a bulk, of those that are given."""
        names = ("maxMessagesCount", "maxAwaitDurationMs")
        return {name: int(self.metadata[name]) for name in names if self.metadata.get(name, "").isdecimal()}

    @property
    def rest(self) -> dict[str, str]:
        """The metadata of the component alone."""
        return {name: value for name, value in self.metadata.items() if name not in _OWN_METADATA}

    def document(self) -> dict[str, Any]:
        """As `GET /dapr/subscribe` lists it."""
        whole = {
            "pubsubname": self.pubsub,
            "topic": self.topic,
            "route": self.route,
            "metadata": self.rest,
            "deadLetterTopic": self.metadata.get("deadLetterTopic", ""),
            "bulkSubscribe": {"enabled": True, **self.limits} if self.bulk else {},
        }
        return {name: value for name, value in whole.items() if value}


def route(kind: str, number: int, name: str) -> str:
    """A path that no other input has; the name in it is for who reads a log."""
    return f"/dapr/{kind}/{number}/{_UNFIT.sub('-', name)}"


def documents(subscriptions: Sequence[Subscription]) -> list[dict[str, Any]]:
    """The answer of `GET /dapr/subscribe`."""
    return [one.document() for one in subscriptions]


def check_token(request: Request, token: str) -> None:
    """Refuse a callback that does not carry the app's token; raises HttpError 401. No token, no check."""
    if token and not compare_digest(request.field(_TOKEN), token.encode()):
        raise HttpError(401, f"The header {TOKEN} does not hold this app's token (APP_API_TOKEN).")
