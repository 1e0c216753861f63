"""One sidecar: its components, its app, and what is read for the app; the transports ask it, and it has none itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from openfunction_eventing import log
from openfunction_eventing.component import ComponentError
from openfunction_eventing.sidecar import refusals, resources, subscriptions
from openfunction_eventing.sidecar.appchannel import connect
from openfunction_eventing.sidecar.bindings import Inputs
from openfunction_eventing.sidecar.catalog import Catalog
from openfunction_eventing.sidecar.channel import AppAway, AppChannel, AppRefused
from openfunction_eventing.sidecar.consuming import Consumers
from openfunction_eventing.sidecar.delivering import Deliverer
from openfunction_eventing.sidecar.invocation import Invoker
from openfunction_eventing.sidecar.publishing import Publisher
from openfunction_eventing.sidecar.resources import Resources
from openfunction_eventing.sidecar.settings import Settings
from openfunction_eventing.sidecar.states import States

_log = log.get("sidecar")
_PAUSE = 0.5


class Sidecar:
    """What the API is about; made by `open`.

    Attributes:
        catalog: the components.
        publisher, states, invoker: what the app asks.
        consumers: what is read for it.
        extended: the metadata that the app has set.
        shutdown: set when the app asks the sidecar to end.
    """

    def __init__(self, settings: Settings, found: Resources, catalog: Catalog) -> None:
        self.settings = settings
        self.catalog = catalog
        self.app: AppChannel | None = connect.app(settings)
        self._peers = connect.peers(settings)
        self.publisher = Publisher(catalog, settings.app_id)
        self.states = States(catalog, settings.app_id, namespace=settings.namespace)
        self.invoker = Invoker(settings.app_id, self.app, self._peers)
        self.extended: dict[str, str] = {}
        self.shutdown = asyncio.Event()
        self._declared = found.subscriptions
        self._open, self._attached = True, self.app is None
        self.deliverer = Deliverer(
            self.app or connect.Nobody(), found.policies, most=settings.max_concurrency
        )
        self.consumers = Consumers(
            catalog, app=settings.app_id, deliverer=self.deliverer, publisher=self.publisher
        )
        self._inputs = Inputs(catalog, self.app, self.deliverer) if self.app else None

    @classmethod
    async def open(cls, settings: Settings) -> Sidecar:
        """Read the documents and open the components.

        Raises:
            ResourceError: a document is wrong.
            ComponentError: a component cannot be opened.
        """
        found = resources.load(settings.resources, app=settings.app_id)
        return cls(settings, found, await Catalog.open(found.components))

    async def attach(self) -> None:
        """Wait for the app, ask what it wants and read it; returns once that is read."""
        if self.app is None or self._inputs is None:
            return
        while True:
            await self.deliverer.until_up()
            try:
                wanted = await self.app.subscriptions()
                await self._inputs.start()
                break
            except AppAway:
                continue
            except (AppRefused, ValueError) as error:
                _log.error("the app cannot say what it wants; it is asked again", error=str(error))
                await self._inputs.stop()
                await asyncio.sleep(_PAUSE)
        for one in subscriptions.merged(self._declared, wanted):
            try:
                await self.consumers.start(one, self.app)
            except (refusals.Refusal, ComponentError) as error:
                _log.error("a topic is not read", topic=one.topic, pubsub=one.pubsub, error=str(error))
        self._attached = True
        _log.info("the app is there", topics=len(self.consumers.subscriptions))

    async def stop_reading(self) -> None:
        """Read nothing more for the app; what it has is settled by its answer, what waits for it is the broker's."""
        self.deliverer.end()
        await self.consumers.stop_all()
        if self._inputs is not None:
            await self._inputs.stop()

    async def close(self) -> None:
        """Close the components and the connections to apps; the last that is done."""
        self._open = False
        await self.deliverer.close()
        await self.catalog.close()
        for channel in (self.app, *self._peers.values()):
            if channel is not None:
                await channel.close()

    # health

    def check_outbound(self) -> None:
        """Raise Refusal unless the app's questions can be answered."""
        if not self._open:
            raise refusals.outbound_not_ready()

    def check(self, app: str = "") -> None:
        """Raise Refusal unless everything is up, the app included; of `app` when it is named."""
        self.check_outbound()
        ill: Mapping[str, str] = self.catalog.health()
        reasons = [f"{name}: {sentence}" for name, sentence in ill.items()]
        if not self._attached:
            reasons.insert(0, "app")
        if reasons:
            raise refusals.not_ready(f"[{'; '.join(reasons)}]")
        if app and app != self.settings.app_id:
            raise refusals.other_app()
