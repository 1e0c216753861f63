"""Writes one Pod's status: the newest, soon, and not twice.

A state that passes within a moment is not written; one that others wait for is written at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import log

logger = log.get("node.reporting")

Compose = Callable[[core.PodStatus | None], tuple[core.PodStatus, dict[str, str]]]


class Reporter:
    """Holds what was written last; belongs to one Pod."""

    def __init__(
        self, client: Client, pod: core.Pod, *, compose: Compose, pause: float, retry: float
    ) -> None:
        """Write what `compose` makes of the last status: the next one, and annotations beside it."""
        self._client = client
        self._pod = pod
        self._compose = compose
        self._pause = pause
        self._retry = retry
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()
        self._written: core.PodStatus | None = None
        self._annotations: dict[str, str] = dict(pod.metadata.annotations)

    def change(self, urgent: bool) -> None:  # noqa: FBT001 - a callback's one value
        """Something is different now."""
        self._changed.set()
        if urgent:
            self._urgent.set()

    async def run(self) -> None:
        """Write every change until cancelled or until the Pod is no more."""
        while True:
            await self._changed.wait()
            try:
                async with asyncio.timeout(self._pause):
                    await self._urgent.wait()
            except TimeoutError:
                logger.debug("a state lasts and is written", pod=self._pod.metadata.name)
            self._changed.clear()
            self._urgent.clear()
            if not await self._write():
                return

    async def _write(self) -> bool:
        """Write the newest state; False when the Pod is no more."""
        status, annotations = self._compose(self._written)
        if status == self._written:
            return True
        try:
            await self._patch(status, annotations)
        except (errors.NotFound, errors.Conflict):
            return False
        except errors.ApiError as error:
            logger.info("a Pod's status cannot be written now", pod=self._pod.metadata.name, error=str(error))
            await asyncio.sleep(self._retry)
            self.change(urgent=True)
            return True
        self._written = status
        return True

    async def _patch(self, status: core.PodStatus, annotations: dict[str, str]) -> None:
        meta = self._pod.metadata
        wire = {"reason": None, "message": None, **status.to_wire()}
        new = {name: value for name, value in annotations.items() if self._annotations.get(name) != value}
        patch = {
            "metadata": {"uid": meta.uid, **({"annotations": new} if new else {})},
            "status": {key: value or None for key, value in wire.items()},
        }
        stored = await self._client.patch(
            core.Pod, meta.name, patch, namespace=meta.namespace, subresource="status"
        )
        if (
            not new.items() <= stored.metadata.annotations.items()
        ):  # a server may keep metadata out of a status
            await self._client.patch(
                core.Pod, meta.name, {"metadata": {"annotations": new}}, namespace=meta.namespace
            )
        self._annotations |= new
