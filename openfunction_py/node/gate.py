"""Who may touch the unpacked images of a node: many that unpack, or one that collects.

It holds no images; threads that unpack and the loop that collects meet here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Gate:
    """Counts those that unpack; while someone is alone nobody begins to."""

    def __init__(self) -> None:
        """Open, with nobody inside."""
        self._lock = threading.Lock()
        self._unpacking = 0

    @contextlib.contextmanager
    def unpacking(self) -> Iterator[None]:
        """Be one of those that unpack; waits for whoever is alone."""
        with self._lock:
            self._unpacking += 1
        try:
            yield
        finally:
            with self._lock:
                self._unpacking -= 1

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep others out for a moment; false when somebody is inside, for waiting would stop the loop."""
        with self._lock:
            yield not self._unpacking
