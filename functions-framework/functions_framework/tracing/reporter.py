"""Sends SkyWalking segments over HTTP in a thread of its own; a collector that is away costs segments, never calls.

It knows nothing of spans; what it is given is JSON already.
"""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections import deque
from typing import Any

from functions_framework import jsons

_log = logging.getLogger("functions_framework.tracing")
_BATCH = 500
_KEPT = 10_000
_PERIOD = 1.0
_TIMEOUT = 5.0


class Reporter:
    """`put` from any thread; `start` in the process that serves, `stop` sends what is left."""

    def __init__(self, address: str) -> None:
        """Report to the collector at this address, such as `http://oap:12800`."""
        self._url = f"{address.rstrip('/')}/v3/segments"
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_KEPT)  # Any: JSON
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = 0
        self._reachable = True

    def start(self) -> None:
        """Begin to send; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="skywalking", daemon=True)
            self._thread.start()

    def put(self, segment: dict[str, Any]) -> None:
        """Take a segment; the oldest goes when too many wait."""
        self._lost += len(self._waiting) == _KEPT
        self._waiting.append(segment)

    def stop(self) -> None:
        """Send what is left and end the thread."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(2 * _TIMEOUT)

    def _run(self) -> None:
        while not self._ending.wait(_PERIOD):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while batch := [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]:
            if not self._sent(batch):
                return

    def _sent(self, batch: list[dict[str, Any]]) -> bool:
        request = urllib.request.Request(  # noqa: S310  # the scheme is checked where the address is read
            self._url, data=jsons.dumps(batch), headers={"content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310  # as above
                answer.read()
        except OSError as error:
            self._missed(len(batch), error)
            return False
        if not self._reachable or self._lost:
            _log.warning("The collector %s takes segments again; lost so far: %d", self._url, self._lost)
        self._reachable, self._lost = True, 0
        return True

    def _missed(self, count: int, error: OSError) -> None:
        """Count them; say it once until it works again."""
        self._lost += count
        if self._reachable:
            _log.warning("The collector %s does not take segments: %s", self._url, error)
        self._reachable = False
