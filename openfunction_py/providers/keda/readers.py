"""Readers of metrics, one per trigger type, and the table of them.

They measure; what a measurement means is decided in `autoscaling.scalers`.
"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from typing import Protocol

from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.controller import manager as managers
from openfunction_py.providers.keda.jetstream import JetStream
from openfunction_py.providers.keda.kafka import Kafka
from openfunction_py.providers.keda.network import TIMEOUT, Network
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.providers.keda.prometheus import Prometheus
from openfunction_py.providers.keda.usage import CPU, MEMORY, Instances, Usage
from openfunction_py.providers.keda.wakes import Bell

# An HPA counts in thousandths, and nothing is a share of zero.
LEAST_TARGET = 0.001


class Scaler(Protocol):
    """Reads one type of trigger."""

    async def read(self, look: Look, now: datetime) -> Reading:
        """What is measured now; raises ScalerError."""
        ...


class Cron:
    """Replicas inside an interval."""

    async def read(self, look: Look, now: datetime) -> Reading:
        """The replicas that are wanted now; raises ScalerError."""
        look.required("desiredReplicas")
        options = scalers.CronOptions(
            look.required("timezone"),
            look.required("start"),
            look.required("end"),
            math.trunc(look.number("desiredReplicas", 0)),
        )
        return scalers.cron(options, now)


class Readers:
    """Every type of trigger that can be read here."""

    def __init__(self, manager: managers.Manager, instances: Instances) -> None:
        """Make one reader per type; `instances` lists what the node runs."""
        network = Network(manager)
        jetstream, kafka = JetStream(network), Kafka(network)
        self._table: dict[str, Scaler] = {
            CPU: Usage(manager, instances, CPU),
            "cron": Cron(),
            "kafka": kafka,
            MEMORY: Usage(manager, instances, MEMORY),
            "nats-jetstream": jetstream,
            "prometheus": Prometheus(network),
        }
        # Those whose brokers tell of the next message.
        self.bells: dict[str, Bell] = {"nats-jetstream": jetstream, "kafka": kafka}

    async def read(self, look: Look, now: datetime) -> Reading:
        """What a trigger measures now, within the time a question may take; raises ScalerError."""
        reader = self._table.get(look.type)
        if reader is None:
            known = ", ".join(sorted(self._table))
            raise ScalerError(
                f"no scaler found for the trigger type {look.type}; this platform reads {known}"
            )
        try:
            async with asyncio.timeout(2 * TIMEOUT):
                found = await reader.read(look, now)
        except TimeoutError as error:
            raise ScalerError(
                f"the trigger {look.name} took longer than {2 * TIMEOUT:g} s to read"
            ) from error
        if found.target < LEAST_TARGET:
            raise ScalerError(
                f"the target of the trigger {look.name} is {found.target:g}; it must be at least {LEAST_TARGET:g}"
            )
        return found
