"""A member of a group that takes messages and never answers: to be killed.

Its arguments are the component and the options as JSON; it says the number of each message that it has.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message


async def hold(delivered: Message) -> Verdict:
    """Say what came, and keep it."""
    sys.stdout.write(f"{delivered.event.data['n']}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    raise AssertionError


async def main(given: dict[str, dict[str, str]], topic: str) -> None:
    """Take until killed."""
    bus = cast("PubSub", await drivers.open(Component(**given["component"])))  # type: ignore[arg-type]
    await bus.subscribe(topic, SubscribeOptions(**given["options"]), hold)  # type: ignore[arg-type]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2]))
