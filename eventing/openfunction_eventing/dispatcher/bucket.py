"""The state of conditions in a JetStream key-value bucket: beside the bus, for every dispatcher of it.

A revision is an ETag; what goes with age is the trigger's window, not the bucket's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.port import Conflict, Item, Write
from openfunction_eventing.errors import EventingError

_FAILURES = (nats.errors.Error, OSError, TimeoutError)


class BucketError(EventingError):
    """The bucket cannot be read or written now."""


class Bucket:
    """A store of states; `open` makes it."""

    def __init__(self, link: Link, values: KeyValue) -> None:
        """Use a bucket that is there."""
        self._link = link
        self._values = values

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """The items of those keys that exist. Raises BucketError."""
        found: dict[str, Item] = {}
        for key in keys:
            try:
                entry = await self._values.get(key)
            except nats.js.errors.KeyNotFoundError:
                continue
            except _FAILURES as error:
                raise BucketError(f"the state of conditions cannot be read: {error!r}") from error
            found[key] = Item(entry.value or b"", str(entry.revision))
        return found

    async def write(self, writes: Sequence[Write]) -> None:
        """Do one change; a bucket knows no transactions. Raises Conflict, BucketError."""
        (one,) = writes
        try:
            if one.etag is None:
                await self._values.create(one.key, one.value or b"")
            else:
                await self._values.update(one.key, one.value or b"", last=int(one.etag))
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise Conflict(f"{one.key} has changed") from error
        except _FAILURES as error:
            raise BucketError(f"the state of conditions cannot be written: {error!r}") from error

    async def close(self) -> None:
        """Leave the broker."""
        await self._link.close()


async def open(component: Component, group: str) -> Bucket:  # noqa: A001 - callers write bucket.open
    """The bucket of a group, made where it is absent.

    Raises:
        ComponentError: the broker cannot be reached or refuses.
    """
    link = Link(component)
    await link.open()
    name = "conditions-" + re.sub(r"[^A-Za-z0-9_-]", "_", group)
    try:
        values = await link.jetstream().create_key_value(bucket=name, history=1)
    except _FAILURES as error:
        await link.close()
        raise component.error(f"the bucket {name!r} cannot be made: {error}") from error
    return Bucket(link, values)
