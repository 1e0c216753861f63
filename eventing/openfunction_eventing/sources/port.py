"""What a source is, and what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.errors import EventingError


class EmitError(EventingError):
    """An event did not get where it goes; `final` when the sink has answered that it does not want it."""

    def __init__(self, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


# Returns after the sink has answered and the bus has stored the event; raises EmitError.
Emit = Callable[[CloudEvent], Awaitable[None]]


class Source(Protocol):
    """Something that events come from."""

    async def run(self, emit: Emit) -> None:
        """Give every event to `emit`, until cancelled."""


def attributes(document: Document, position: str) -> dict[str, str]:
    """Attributes of an event that a source makes; `position` is what tells it from its others, always the same."""
    return {
        "specversion": "1.0",
        "id": f"{document.key}-{position}",
        "source": f"/apis/events.openfunction.io/v1alpha1/namespaces/{document.namespace}/eventsources/{document.name}",
        "type": f"io.openfunction.eventsource.{document.type}",
        "subject": document.event,
    }
