"""Bindings: what the app has an output do, and what an input brings to the app; both transports end here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from openfunction_eventing import log
from openfunction_eventing.drivers.port import ACK, RETRY, BindingAnswer, Read, Verdict
from openfunction_eventing.drivers.port import Subscription as Reading
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.catalog import Catalog
from openfunction_eventing.sidecar.channel import AppChannel, AppRefused, BindingReply
from openfunction_eventing.sidecar.delivering import Deliverer, Ending

_log = log.get("sidecar")


async def invoke(
    catalog: Catalog, name: str, operation: str, data: bytes, *, metadata: Mapping[str, str]
) -> BindingAnswer:
    """Have an output binding do an operation; raises Refusal."""
    if not operation:
        raise refusals.not_bound(name, "operation field is missing from request")
    binding = catalog.output(name)
    if binding is None:
        raise refusals.not_bound(name, f"couldn't find output binding {name}")
    try:
        return await binding.invoke(operation, data, metadata)
    except EventingError as error:
        raise refusals.not_bound(name, error) from error


class Inputs:
    """The input bindings that the app wants, being read."""

    def __init__(self, catalog: Catalog, app: AppChannel, deliverer: Deliverer) -> None:
        self._catalog = catalog
        self._app = app
        self._deliverer = deliverer
        self._readings: dict[str, Reading] = {}

    async def start(self) -> None:
        """Read those that the app wants; raises AppAway or AppRefused when it cannot be asked."""
        for component, binding in self._catalog.inputs():
            path = component.text("route", component.name).lstrip("/")
            told = [one.strip().lower() for one in component.text("direction").split(",")]
            if "input" not in told and not await self._app.wants(component.name, path):
                _log.info("the app does not want a binding", binding=component.name)
                continue
            self._readings[component.name] = await binding.read(self._reader(component.name, path))

    async def stop(self) -> None:
        """Read no more; what is under way is settled first."""
        readings, self._readings = list(self._readings.values()), {}
        for reading in readings:
            await reading.stop()

    def _reader(self, name: str, path: str) -> Read:
        async def deliver(data: bytes, metadata: Mapping[str, str]) -> Verdict:
            try:
                reply = await self._deliverer.while_up(
                    name, lambda: self._app.bind(name, path, data, metadata)
                )
            except Ending:
                return RETRY
            except AppRefused as error:
                _log.warning("the app refused what a binding brought", binding=name, error=str(error))
                return RETRY
            await self._forward(name, reply)
            return ACK

        return deliver

    async def _forward(self, name: str, reply: BindingReply) -> None:
        """Give the app's data to the outputs it names; what fails is logged, the input is done."""

        async def one(to: str) -> None:
            try:
                await invoke(self._catalog, to, "create", reply.data, metadata={})
            except refusals.Refusal as error:
                _log.error(
                    "what the app answered to a binding was not sent", binding=name, to=to, error=str(error)
                )

        if not reply.parallel:
            for to in reply.to:
                await one(to)
            return
        async with asyncio.TaskGroup() as group:
            for to in reply.to:
                group.create_task(one(to))
