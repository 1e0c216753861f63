"""The seam to the app: what a sidecar asks of it, whatever it speaks.

appchannel/ has one module per protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar.subscriptions import Subscription

Status = Literal["SUCCESS", "RETRY", "DROP"]


class AppAway(EventingError):  # noqa: N818 - what it is, not that it is an error
    """The app is not there; what was to be delivered may be delivered when it is."""


class AppLeft(EventingError):  # noqa: N818 - as above
    """Who read went away for good before it answered; what it had is the broker's again."""


class AppBusy(EventingError):  # noqa: N818 - as above
    """The app has no room now and began nothing; what was to be delivered may be delivered in a moment."""


class AppRefused(EventingError):  # noqa: N818 - as above
    """The app answered, and with an error."""


@dataclass(slots=True)  # as envelope.Message
class Delivery:
    """An event on its way to the app.

    Attributes:
        entry: names it among those of a bulk.
        path: the route that it takes.
        event: the CloudEvent as JSON; bytes are in `data_base64`.
        metadata: what the broker said of it.
    """

    pubsub: str
    topic: str
    path: str
    event: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    raw: bool = False


@dataclass(frozen=True, slots=True)
class BindingReply:
    """What the app answered to a binding: data, and the output bindings it is for."""

    data: bytes = b""
    to: tuple[str, ...] = ()
    parallel: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """An invocation; `path` has no leading slash, header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(slots=True)  # as envelope.Message
class Reply:
    """An app's answer to an invocation."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """A field by its name in lower case; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class AppChannel(Protocol):
    """The app. Every method but `is_up` and `close` raises AppAway when it is not there."""

    async def is_up(self) -> bool:
        """Whether it listens."""

    async def subscriptions(self) -> list[Subscription]:
        """What it wants of topics. Raises AppRefused when it cannot say, ValueError for what cannot be read."""

    async def wants(self, binding: str, path: str) -> bool:
        """Whether it wants to be called by an input binding."""

    async def deliver(self, one: Delivery) -> Status:
        """Deliver an event."""

    async def deliver_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """Deliver events of one path; gives what became of each entry, of those the app told of."""

    async def bind(self, name: str, path: str, data: bytes, metadata: Mapping[str, str]) -> BindingReply:
        """Call it as an input binding does. Raises AppRefused."""

    async def invoke(self, call: Call) -> Reply:
        """Call a method of it."""

    async def close(self) -> None:
        """Let go of connections."""
