"""Writes a status: one server-side apply on the subresource, and none when nothing changed.

Decides nothing about what the status says.
"""

from __future__ import annotations

from typing import TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.kube import client as clients

T = TypeVar("T", bound=Object)


async def write_status(client: clients.Client, desired: T, current: T, *, manager: str) -> T:
    """Make the server's status that of `desired`; `current` is the cached object it was decided from."""
    if same_status(desired, current):
        return current
    return await client.apply(desired, manager=manager, subresource="status")


def same_status(desired: Object, current: Object) -> bool:
    """Whether both say the same on the wire."""
    return desired.to_wire().get("status") == current.to_wire().get("status")
