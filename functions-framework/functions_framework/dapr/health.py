"""Whether the sidecar is there: watched from the start until it answers, and again when a question found it away.

It stops nothing; it only has a reason for not being ready.
"""

from __future__ import annotations

import asyncio
import logging

from functions_framework import clock
from functions_framework.dapr import stores
from functions_framework.dapr.errors import DaprError
from functions_framework.dapr.port import Port
from functions_framework.dapr.settings import Sidecar

_log = logging.getLogger("functions_framework")
_FIRST, _LONGEST = 0.05, 1.0


class Watch:
    """One per instance, on its loop; `reason` is empty while the sidecar is there."""

    def __init__(self, port: Port, sidecar: Sidecar) -> None:
        self._port = port
        self._sidecar = sidecar
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._cause = ""
        self._late = False

    @property
    def reason(self) -> str:
        """Why the function cannot work; empty when it can."""
        if not self._cause:
            return ""
        if self._late:
            return f"SidecarUnavailable: the Dapr sidecar at {self._sidecar.address}: {self._cause}"
        return f"waiting for the Dapr sidecar at {self._sidecar.address}: {self._cause}"

    def start(self) -> None:
        """Begin to watch; for a start hook."""
        self._loop = asyncio.get_running_loop()
        self._begin("it has not answered yet")

    def stop(self) -> None:
        """Stop watching; for a stop hook."""
        self._loop = None
        if self._task is not None:
            self._task.cancel()

    def lost(self, cause: str) -> None:
        """A question found it away; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._begin, cause)

    def _begin(self, cause: str) -> None:
        if self._loop is None or self._cause:
            return
        self._cause, self._late = _alone(cause), False
        self._task = self._loop.create_task(self._until_there())

    async def _until_there(self) -> None:
        ends = clock.monotonic() + self._sidecar.health_timeout
        wait = _FIRST
        while not await self._is_there():
            if not self._late and clock.monotonic() >= ends:
                self._late = True
                _log.error(
                    "The Dapr sidecar at %s is not there after %g seconds: %s",
                    self._sidecar.address, self._sidecar.health_timeout, self._cause,
                )  # fmt: skip
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST)
        if self._late:
            _log.info("The Dapr sidecar at %s answers again", self._sidecar.address)
        self._cause, self._late = "", False

    async def _is_there(self) -> bool:
        try:
            await self._port.acall(stores.health())
        except DaprError as error:
            self._cause = _alone(error.answer) or f"it answers {error.status}"
            return False
        return True


def _alone(cause: str) -> str:
    """What happened, without the words that the client puts before it; a reason names the sidecar itself."""
    return cause.partition(" does not answer: ")[2] or cause
