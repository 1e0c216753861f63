"""A cache that tells of a change before it shows it: what a reconciler must be right behind.

Every state is shown one event, or a moment, late; then the listeners are told once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.controller.cache import Cache

T = TypeVar("T", bound=Object)
LAG = 0.02


class LaggingCache(Cache[T]):
    """A cache that is one event behind; `Manager(client, make_cache=LaggingCache)` gives it to reconcilers."""

    def __init__(self) -> None:
        """Hold nothing and hold nothing back."""
        super().__init__()
        self._held_back: Callable[[], None] | None = None

    def put(self, obj: T) -> None:
        """Tell now, show later."""
        self._late(lambda: Cache.put(self, obj), self.get(obj.metadata.namespace, obj.metadata.name), obj)

    def drop(self, obj: T) -> None:
        """Tell now, forget later."""
        self._late(lambda: Cache.drop(self, obj), obj, None)

    def _late(self, change: Callable[[], None], old: T | None, new: T | None) -> None:
        self._release()
        self._held_back = change
        self._tell(old, new)
        asyncio.get_running_loop().call_later(LAG, self._release)

    def _release(self) -> None:
        change, self._held_back = self._held_back, None
        if change:
            change()
