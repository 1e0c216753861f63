"""The scaler nats-jetstream: messages that a durable consumer has not settled, and word of the next one.

The broker's monitoring port tells the counts, its client port rings.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import Reading
from openfunction_py.providers.keda import nats
from openfunction_py.providers.keda.network import Network
from openfunction_py.providers.keda.parameters import Look

GLANCE = 1.0


class JetStream:
    """Messages that a durable consumer has not settled."""

    def __init__(self, network: Network) -> None:
        """Ask through this network."""
        self._network = network

    async def read(self, look: Look, now: datetime) -> Reading:  # noqa: ARG002 - a backlog has no clock
        """The consumer's backlog; raises ScalerError."""
        found = await self.consumer(look)
        counts = scalers.NatsConsumer(found.num_pending, found.num_ack_pending) if found else None
        return scalers.nats_jetstream(
            counts,
            threshold=math.trunc(look.number("lagThreshold", scalers.LAG_THRESHOLD)),
            activation=math.trunc(look.number("activationLagThreshold", 0)),
        )

    async def consumer(self, look: Look) -> nats.Consumer | None:
        """The consumer as its leader, else any server, tells it; raises ScalerError."""
        endpoint, default = look.required("natsServerMonitoringEndpoint"), 8222
        scheme = "https" if look.settings.get("useHttps", "").lower() == "true" else "http"
        host, _, port = endpoint.partition(":")
        places = self._network.places(
            host, int(port) if port.isdigit() else default, namespace=look.namespace
        )
        account = look.settings.get("account") or look.settings.get("accountID") or "$G"
        found = None
        for address, number in places:
            base = f"{scheme}://{address}:{number}"
            answer = await self._network.ask(f"{base}/jsz?acc={account}&consumers=true&config=true")
            one = nats.find(answer, stream=look.required("stream"), consumer=look.required("consumer"))
            if one is not None and (one.is_leader or found is None):
                found = one
        return found

    async def door(self, look: Look) -> tuple[str, int] | None:
        """Where the broker takes clients; None when it asks them who they are. Raises ScalerError."""
        host, _, port = look.required("natsServerMonitoringEndpoint").partition(":")
        address, number = self._network.places(
            host, int(port) if port.isdigit() else 8222, namespace=look.namespace
        )[0]
        known = await self._network.ask(f"http://{address}:{number}/varz")
        if known.get("auth_required") or known.get("tls_required"):
            return None
        return address, int(known.get("port", 4222))

    async def next_message(self, look: Look, on_listening: Callable[[], None]) -> bool:
        """See `wakes.Bell`."""
        consumer = await self.consumer(look)
        if consumer is None or not consumer.subjects:
            return False
        door = await self.door(look)
        if door is None:
            return await self._more(look, consumer, on_listening)
        await nats.next_message(*door, consumer.subjects, on_listening=on_listening)
        return True

    async def _more(self, look: Look, before: nats.Consumer, on_listening: Callable[[], None]) -> bool:
        """Where nobody may listen without a login, the open monitoring is looked at each second for more messages."""
        on_listening()
        while True:
            await asyncio.sleep(GLANCE)
            now = await self.consumer(look)
            if now is None:
                return False
            if now.waiting > before.waiting:
                return True
            before = now
