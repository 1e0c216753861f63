"""One look at all triggers of an object, each read by itself, a failure of one being a failure of that one.

It counts failures; it scales nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from openfunction_py.api.upstream import keda
from openfunction_py.autoscaling import keda as rules
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.providers.keda.memories import Memory, Seen
from openfunction_py.providers.keda.parameters import Look, Sources
from openfunction_py.providers.keda.readers import Readers

# Types whose brokers tell of the next message, which may be faster than their counts.
PUSHED = ("nats-jetstream", "kafka")


class Measuring:
    """Reads triggers through the table of readers."""

    def __init__(self, reading: Readers, sources: Sources) -> None:
        """Read with credentials from these sources."""
        self._reading = reading
        self._sources = sources

    async def looks(
        self, triggers: Sequence[keda.ScaleTrigger], *, namespace: str, env: Mapping[str, str]
    ) -> list[Look | tuple[str, str]]:
        """Each trigger complete, or its name and why it cannot be."""
        found: list[Look | tuple[str, str]] = []
        for place, trigger in enumerate(triggers):
            try:
                found.append(await self._sources.look(trigger, namespace=namespace, place=place, env=env))
            except ScalerError as error:
                found.append((trigger.name or f"s{place}-{trigger.type}", str(error)))
        return found

    async def see(self, looks: Sequence[Look | tuple[str, str]], memory: Memory, now: datetime) -> Seen:
        """Read every trigger; word of work counts as one piece of it, which the source may not show yet."""
        known = [one for one in looks if isinstance(one, Look)]
        problems = dict(one for one in looks if not isinstance(one, Look))
        async with asyncio.TaskGroup() as group:
            tasks = {one.name: group.create_task(self._read(one, now)) for one in known}
        readings: dict[str, Reading] = {}
        for one in known:
            result = tasks[one.name].result()
            if isinstance(result, str):
                problems[one.name] = result
            else:
                readings[one.name] = _at_least_one(result, one) if memory.woken else result
        for name in (*readings, *problems):
            memory.failures[name] = rules.failures(memory.failures.get(name, 0), failed=name in problems)
        kinds = {one.name: one.metric_type for one in known} | dict.fromkeys(
            problems.keys() - {one.name for one in known}, "AverageValue"
        )
        return Seen(readings, kinds, problems)

    async def _read(self, look: Look, now: datetime) -> Reading | str:
        try:
            return await self._reading.read(look, now)
        except ScalerError as error:
            return str(error)


def _at_least_one(reading: Reading, look: Look) -> Reading:
    if look.type not in PUSHED or reading.value >= 1:
        return reading
    return replace(reading, value=1, active=look.number("activationLagThreshold", 0) < 1)


def environment(containers: Sequence[object]) -> dict[str, str]:
    """The plain variables of the first container, which triggers may name."""
    found = getattr(containers[0], "env", ()) if containers else ()
    return {one.name: one.value or "" for one in found if one.value_from is None}
