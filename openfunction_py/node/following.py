"""Follows the objects of one kind: a list, then its changes, for ever, through every loss.

It keeps no objects; who is told keeps what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import log
from openfunction_py.lib.pauses import Pauses

T = TypeVar("T", bound=Object)

logger = log.get("node.following")


@dataclass(frozen=True, slots=True)
class Listener(Generic[T]):
    """Told all objects after every list, and each change: the object, and whether it still exists."""

    on_list: Callable[[Sequence[T]], None]
    on_change: Callable[[T, bool], None]


def both(first: Listener[T], second: Listener[T]) -> Listener[T]:
    """One that tells two."""

    def on_list(objects: Sequence[T]) -> None:
        first.on_list(objects)
        second.on_list(objects)

    def on_change(one: T, exists: bool) -> None:  # noqa: FBT001 - a listener's second value
        first.on_change(one, exists)
        second.on_change(one, exists)

    return Listener(on_list, on_change)


async def follow(client: Client, model: type[T], listener: Listener[T], *, labels: str = "") -> None:
    """Until cancelled."""
    pauses = Pauses(0.1, 2.0)
    while True:
        try:
            page = await client.list(model, labels=labels)
            listener.on_list(page.items)
            pauses.reset()
            await _watch(client, model, listener, version=page.resource_version, labels=labels)
        except errors.Gone:
            logger.info("a watch is too old and starts anew", kind=model.__name__)
        except errors.ApiError as error:
            logger.info("objects cannot be followed now", kind=model.__name__, error=str(error))
            await pauses.wait()


async def _watch(client: Client, model: type[T], listener: Listener[T], *, version: str, labels: str) -> None:
    while True:
        async for event in client.watch(model, resource_version=version, labels=labels):
            version = event.resource_version
            if event.type != "BOOKMARK":
                listener.on_change(event.object, event.type != "DELETED")
