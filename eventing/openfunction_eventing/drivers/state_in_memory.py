"""State in the memory of this process (Dapr's `state.in-memory`); it goes with the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import uuid4

from openfunction_eventing import clock
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import Conflict, Item, Write

_SWEEP = 60.0


async def open(_: Component) -> InMemory:  # noqa: A001 - the name that `drivers` calls
    """An empty store."""
    return InMemory()


class InMemory:
    """Keys of one component."""

    def __init__(self, *, now: Callable[[], float] = clock.wall) -> None:
        self._kept: dict[str, Item] = {}
        self._now = now
        self._swept = now()

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """See `port.StateStore`."""
        return {key: item for key in keys if (item := self._find(key)) is not None}

    async def write(self, writes: Sequence[Write]) -> None:
        """See `port.StateStore`; an ETag is compared with what the earlier writes of this call made."""
        self._sweep()
        before = {one.key: self._kept.get(one.key) for one in writes}
        try:
            for one in writes:
                self._apply(one)
        except Conflict:
            for key, item in before.items():
                if item is None:
                    self._kept.pop(key, None)
                else:
                    self._kept[key] = item
            raise

    def _apply(self, one: Write) -> None:
        present = self._find(one.key)
        if one.etag is not None and (present is None or present.etag != one.etag):
            raise Conflict(f"key {one.key!r} has another ETag than {one.etag!r}")
        if one.etag is None and one.first_write and present is not None:
            raise Conflict(f"key {one.key!r} is there already")
        if one.value is None:
            self._kept.pop(one.key, None)
            return
        until = None if one.ttl is None else self._now() + one.ttl
        self._kept[one.key] = Item(one.value, str(uuid4()), until)

    def _sweep(self) -> None:
        """Now and then let go of what is over and nobody asks for."""
        now = self._now()
        if now - self._swept >= _SWEEP:
            self._swept = now
            self._kept = {key: item for key, item in self._kept.items() if not _is_over(item, now)}

    def _find(self, key: str) -> Item | None:
        item = self._kept.get(key)
        return None if item is None or _is_over(item, self._now()) else item

    async def close(self) -> None:
        """See `port.StateStore`."""
        self._kept.clear()

    def health(self) -> str:
        """See `port.StateStore`."""
        return ""


def _is_over(item: Item, now: float) -> bool:
    return item.until is not None and item.until <= now
