"""What the gateway tells about itself on loopback: counts, and per Revision its endpoints and queue.

Shows no request, no header and no body.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

import orjson

from openfunction_py.dataplane.route_table import RevisionKey, RouteTable
from openfunction_py.dataplane.throttler import Throttler

PATH = "/-/ofn/status"
LOOPBACK = frozenset({b"127.0.0.1", b"::1"})


@dataclass(slots=True)
class Counts:
    """Totals since the start."""

    requests: int = 0
    held: int = 0
    refused: int = 0


class Told(Protocol):
    """What is told about."""

    table: RouteTable
    synced: bool
    held_bytes: int
    counts: Counts

    @property
    def throttlers(self) -> Mapping[RevisionKey, Throttler]:
        """The Revisions."""

    @property
    def clients(self) -> Iterable[object]:
        """The open connections."""


def document(told: Told) -> bytes:
    """Return the status as JSON."""
    revisions = {
        f"{key.namespace}/{key.name}": {
            "endpoints": [f"{one.address}:{one.port}" for one in throttler.instances],
            "inFlight": sum(one.in_flight for one in throttler.instances.values()),
            "waiting": len(throttler.waiting),
        }
        for key, throttler in told.throttlers.items()
    }
    return orjson.dumps(
        {
            "synced": told.synced,
            "connections": len(list(told.clients)),
            "heldBytes": told.held_bytes,
            "functions": sorted({f"{one.namespace}/{one.function}" for one in told.table.hosts.values()}),
            "revisions": revisions,
            **asdict(told.counts),
        }
    )
