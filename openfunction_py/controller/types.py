"""What a reconciler is given and gives back.

No behaviour: the decision about a result is the controller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from openfunction_py.api.meta import Object


class Request(NamedTuple):
    """The key of the object to bring to its desired state; namespace is "" for cluster-wide kinds."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """When to look again, in seconds; None means at the next change."""

    requeue_after: float | None = None


class TerminalError(Exception):
    """A failure that trying again cannot mend; only a change of the object can."""


class Reconciler(Protocol):
    """Brings one object toward what its spec wants; the key alone decides."""

    async def reconcile(self, request: Request) -> Result:
        """Read caches, decide, write, return."""
        ...


ToRequests = Callable[[Object], Iterable[Request]]


def request_of(obj: Object) -> Request:
    """The key of an object."""
    return Request(obj.metadata.namespace, obj.metadata.name)
