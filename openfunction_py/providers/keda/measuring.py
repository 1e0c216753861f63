"""One look at all triggers of an object, each read by itself, a failure of one being a failure of that one.

It counts failures; it scales nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from openfunction_py.api.keda import RESOURCES
from openfunction_py.api.upstream import core, keda
from openfunction_py.autoscaling import keda as rules
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.providers.keda.memories import Memory, Seen
from openfunction_py.providers.keda.parameters import NOTHING, Environment, Look, Sources
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
        self,
        triggers: Sequence[keda.ScaleTrigger],
        *,
        namespace: str,
        env: Environment,
        selector: Mapping[str, str] = NOTHING,
    ) -> list[Look | tuple[str, str]]:
        """Each trigger complete, or its name and why it cannot be."""
        found: list[Look | tuple[str, str]] = []
        for place, trigger in enumerate(triggers):
            try:
                found.append(
                    await self._sources.look(
                        trigger, namespace=namespace, place=place, env=env, selector=selector
                    )
                )
            except ScalerError as error:
                found.append((trigger.name or f"s{place}-{trigger.type}", str(error)))
        return found

    async def see(
        self, looks: Sequence[Look | tuple[str, str]], memory: Memory, now: datetime, *, polls: bool = True
    ) -> Seen:
        """Read every trigger; word of work counts as one piece of it, which the source may not show yet.

        Between two polls a trigger with useCachedMetrics is what the last one read.

        cpu and memory are the HPA's alone: their failures are none of the operator's, and beside other triggers they
        keep nothing awake.
        """
        known = [one for one in looks if isinstance(one, Look)]
        problems = dict(one for one in looks if not isinstance(one, Look))
        kinds = {one.name: one.metric_type for one in known} | dict.fromkeys(problems, "AverageValue")
        results = await self._results(known, memory, now, polls=polls)
        readings: dict[str, Reading] = {}
        # One that cannot be read may be of another type: it is no reason to stay awake.
        alone = len(known) == len(looks) and all(one.type in RESOURCES for one in known)
        for one in known:
            result = results[one.name]
            if isinstance(result, Reading):
                seen = _at_least_one(result, one) if memory.woken else result
                readings[one.name] = (
                    seen if alone or one.type not in RESOURCES else replace(seen, active=False)
                )
            elif one.type not in RESOURCES:
                problems[one.name] = result
        external = [one.name for one in known if one.type not in RESOURCES]
        for name in {*external, *problems}:
            memory.failures[name] = rules.failures(memory.failures.get(name, 0), failed=name in problems)
        return Seen(readings, kinds, problems, always=alone and bool(known))

    async def _results(
        self, known: Sequence[Look], memory: Memory, now: datetime, *, polls: bool
    ) -> dict[str, Reading | str]:
        kept = (
            {} if polls else {one.name: memory.polled_readings.get(one.name) for one in known if one.cached}
        )
        async with asyncio.TaskGroup() as group:
            tasks = {
                one.name: group.create_task(self._read(one, now))
                for one in known
                if kept.get(one.name) is None
            }
        fresh = {name: task.result() for name, task in tasks.items()}
        if polls:
            memory.polled_readings = fresh
        return {**fresh, **{name: result for name, result in kept.items() if result is not None}}

    async def _read(self, look: Look, now: datetime) -> Reading | str:
        try:
            return await self._reading.read(look, now)
        except ScalerError as error:
            return str(error)


def _at_least_one(reading: Reading, look: Look) -> Reading:
    if look.type not in PUSHED or reading.value >= 1:
        return reading
    return replace(reading, value=1, active=look.number("activationLagThreshold", 0) < 1)


def environment(containers: Sequence[core.Container], named: str | None = None) -> Environment:
    """The variables that triggers may name: of the container of this name, else of the first one."""
    found = next((one for one in containers if not named or one.name == named), None)
    return {one.name: one.value_from or one.value or "" for one in found.env} if found else {}
