"""What each connected gateway says it routes, and the telling of it to control.

A gateway counts as long as its line is open. It keeps nothing beyond that: a gateway that comes back says everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from openfunction_py.wire import channel, route_tables
from openfunction_py.wire.messages import Routes
from openfunction_py.wire.route_tables import Table


class Board:
    """The tables of the gateways, by a name that each line is given."""

    def __init__(self) -> None:
        """Know no gateway."""
        self._tables: dict[str, Table] = {}
        self._changed = asyncio.Event()
        self._lines = 0

    def open(self) -> str:
        """A name for a gateway's line."""
        self._lines += 1
        return f"gateway-{self._lines}"

    def put(self, name: str, said: Routes) -> None:
        """Take in what a gateway says; its table is replaced, never changed, as followers compare."""
        self._tables[name] = route_tables.taken(self._tables.get(name, {}), said)
        self._announce()

    def close(self, name: str) -> None:
        """A gateway's line has ended."""
        if self._tables.pop(name, None) is not None:
            self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, link: channel.Channel) -> None:
        """Tell one follower until its line ends; one that reads slowly is told the newest, not everything between."""
        await channel.tell_until_ended(link, self._tell(link))

    async def _tell(self, link: channel.Channel) -> None:
        told: dict[str, Table] = {}
        while True:
            changed = self._changed
            held = dict(self._tables)
            for message in differences(told, held):
                await link.send(message.to_wire())
            told = held
            await changed.wait()


def differences(told: Mapping[str, Table], held: Mapping[str, Table]) -> Iterator[Routes]:
    """The messages that bring somebody from what was told to what is held."""
    for name in told.keys() - held.keys():
        yield Routes(name, gone=True)
    for name, table in held.items():
        before = told.get(name)
        if table is not before:
            yield from route_tables.steps(before, table, name)
