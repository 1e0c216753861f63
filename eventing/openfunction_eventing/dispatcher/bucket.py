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
from openfunction_eventing.dispatcher import states
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.port import Conflict, Item, Write
from openfunction_eventing.errors import EventingError

_FAILURES = (nats.errors.Error, OSError, TimeoutError)


class BucketError(EventingError):
    """The bucket cannot be read or written now."""


class Bucket:
    """A store of states; `open` makes it."""

    def __init__(self, link: Link, values: KeyValue, fired: KeyValue) -> None:
        """Use buckets that are there; what events fired has one of its own, which forgets by itself."""
        self._link = link
        self._values = values
        self._fired = fired

    def _of(self, key: str) -> KeyValue:
        return self._fired if key.startswith(states.FIRED) else self._values

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """The items of those keys that exist. Raises BucketError."""
        found: dict[str, Item] = {}
        for key in keys:
            try:
                entry = await self._of(key).get(key)
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
            await self._do(one)
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise Conflict(f"{one.key} has changed") from error
        except _FAILURES as error:
            raise BucketError(f"the state of conditions cannot be written: {error!r}") from error

    async def _do(self, one: Write) -> None:
        values = self._of(one.key)
        if one.value is None:
            await values.delete(one.key)
        elif one.etag is not None:
            await values.update(one.key, one.value, last=int(one.etag))
        elif one.first_write:
            await values.create(one.key, one.value)
        else:
            await values.put(one.key, one.value)

    async def close(self) -> None:
        """Leave the broker."""
        await self._link.close()


async def open(component: Component, group: str) -> Bucket:  # noqa: A001 - callers write bucket.open
    """The buckets of a group, made where they are absent.

    Raises:
        ComponentError: the broker cannot be reached or refuses.
    """
    link = Link(component)
    await link.open()
    name = re.sub(r"[^A-Za-z0-9_-]", "_", group)
    try:
        values = await link.jetstream().create_key_value(bucket=f"conditions-{name}", history=1)
        fired = await link.jetstream().create_key_value(bucket=f"fired-{name}", history=1, ttl=states.KEPT)
    except _FAILURES as error:
        await link.close()
        raise component.error(f"the buckets of {name!r} cannot be made: {error}") from error
    return Bucket(link, values, fired)
