"""The seam to a sidecar: one question as a value, its answer, and the two ways to ask it.

What asks over a network (client.py) and what only pretends to (a test's fake) are both a Port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from functions_framework import jsons
from functions_framework.dapr.errors import DaprError, StateConflict

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)  # not frozen, which makes making one three times as slow; nobody changes it
class Reply:
    """An answer of the sidecar; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; None when it is empty."""
        return jsons.loads(self.body) if self.body else None


@dataclass(slots=True)  # as Reply
class Ask(Generic[T_co]):
    """One question, as Dapr's HTTP API spells it, and how its answer is read.

    Attributes:
        operation: what is asked: `publish`, `invoke binding`, `get state` ...
        component: of which component, or of which app.
        target: path and query, encoded.
        read: makes the result of a good answer.
        body: the bytes, or what makes them where that may fail; raises TypeError for what HTTP cannot carry.
        facts: the question in plain values, for who does not speak HTTP: topic, data, metadata ...
        repeatable: asking twice does what asking once does.
        patient: it is worth waiting a little for a sidecar that is just starting.
        accepts: statuses besides 2xx that `read` understands.
    """

    operation: str
    component: str
    target: str
    read: Callable[[Reply], T_co]
    method: str = "POST"
    body: bytes | Callable[[], bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # Any: as the function gave them
    repeatable: bool = False
    patient: bool = True
    accepts: frozenset[int] = frozenset()


class Port(Protocol):
    """Somebody who answers questions to a sidecar."""

    def call(self, ask: Ask[T]) -> T:
        """Ask and wait; raises DaprError. Any thread may call."""

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""


def result(ask: Ask[T], reply: Reply) -> T:
    """What a question's answer means; raises DaprError for a refusal."""
    if 200 <= reply.status < 300 or reply.status in ask.accepts:
        return ask.read(reply)
    code, answer = _told(reply)
    kind = StateConflict if reply.status == 409 else DaprError
    raise kind(ask.operation, ask.component, status=reply.status, code=code, answer=answer)


def _told(reply: Reply) -> tuple[str, str]:
    try:
        told = reply.json()
    except jsons.DecodeError:
        told = None
    if isinstance(told, dict) and ("errorCode" in told or "message" in told):
        return str(told.get("errorCode", "")), str(told.get("message", ""))
    return "", reply.body[:500].decode(errors="replace").strip() or "nothing"
