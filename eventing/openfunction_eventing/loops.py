"""The event loop of a program: it finds names of Services in the platform's table, whichever library connects.

A broker that comes back at another address is found there, as the table is looked up at every connection.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from openfunction_eventing.documents import Hosts
from openfunction_eventing.folder import Folder

# Where the platform mounts its table, below a program's folder of documents.
HOSTS: Final = "hosts"


class Names:
    """The table as it is in the folder now."""

    def __init__(self, config: Path) -> None:
        """Read nothing yet; without a table every name goes to DNS."""
        self._folder = Folder(config / HOSTS)
        self._hosts = Hosts()
        self._turn = itertools.count()

    def addresses(self, host: object, port: object) -> list[tuple[str, int]]:
        """Address and port of each that answers to a name, another one first each time."""
        if not isinstance(host, str):
            return []
        if self._folder.changed():
            self._hosts = self._folder.read().hosts
        name, table = host.lower().rstrip("."), self._hosts.hosts
        found = table.get(f"{name}:{port}") or table.get(name) or ()
        split = [one.rpartition(":") for one in found]
        places = [(address.strip("[]"), int(number)) for address, _, number in split]
        first = next(self._turn) % len(places) if places else 0
        return [*places[first:], *places[:first]]


def factory(config: Path) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes loops for a program with this folder: uvloop's, where the system has it."""
    base: Any = asyncio.SelectorEventLoop  # Any: a class to inherit from that is chosen here
    try:
        import uvloop  # noqa: PLC0415 - there is none on Windows

        base = uvloop.Loop
    except ImportError:
        pass  # asyncio's own does the same, slower
    names = Names(config)

    class Loop(base):  # type: ignore[misc] # chosen above
        async def create_connection(
            self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
        ) -> Any:  # Any: the signature of asyncio
            places = names.addresses(host, port)
            if not places:
                return await super().create_connection(protocol_factory, host, port, **options)
            if options.get("ssl"):
                options.setdefault("server_hostname", host)
            refused: OSError = OSError(errno.ECONNREFUSED, f"{host} is not there")
            for address, number in places:
                try:
                    return await super().create_connection(protocol_factory, address, number, **options)
                except OSError as error:
                    refused = error
            raise refused

    return Loop
