"""Drivers by the type of their Dapr component, each in a module of that name and imported when it is opened.

What a driver may assume of the others is nothing; what it must do is in `port`.
"""

from __future__ import annotations

import asyncio
import difflib
import importlib
from typing import Final

from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.port import Driver

_PACKAGE = "openfunction_eventing.drivers"

# type → module; each has `async def open(component) -> Driver`.
TYPES: Final = {
    "pubsub.jetstream": "pubsub_jetstream",
    "pubsub.kafka": "pubsub_kafka",
    "pubsub.in-memory": "pubsub_in_memory",
    "bindings.cron": "bindings_cron",
    "bindings.http": "bindings_http",
    "bindings.kafka": "bindings_kafka",
    "bindings.localstorage": "bindings_localstorage",
    "bindings.nats": "bindings_nats",
    "state.in-memory": "state_in_memory",
    "state.sqlite": "state_sqlite",
    "secretstores.local.env": "secretstores_local_env",
    "secretstores.local.file": "secretstores_local_file",
    "secretstores.kubernetes": "secretstores_kubernetes",
}
# Names that Dapr or OpenFunction use for the same thing; NATS Streaming is gone, JetStream has its place.
ALIASES: Final = {
    "pubsub.natsstreaming": "pubsub.jetstream",
    "pubsub.stan": "pubsub.jetstream",
    "bindings.jetstream": "bindings.nats",
    "secretstores.localenv": "secretstores.local.env",
    "secretstores.localfile": "secretstores.local.file",
    "pubsub.mqtt": "pubsub.mqtt3",
    "bindings.mqtt": "bindings.mqtt3",
}


def known(type: str) -> str | None:  # noqa: A002 - Dapr's word
    """The type under which a component is driven here, or None."""
    asked = type.strip().lower()
    found = ALIASES.get(asked, asked)
    return found if found in TYPES else None


async def open(component: Component) -> Driver:  # noqa: A001 - callers write drivers.open
    """The driver of a component, connected.

    Raises:
        ComponentError: the type is unknown, a library is missing, the metadata is wrong, or the other side is
            out of reach or refuses.
    """
    found = known(component.type)
    if found is None:
        raise component.error(_unknown(component.type))
    try:
        module = importlib.import_module(f"{_PACKAGE}.{TYPES[found]}")
    except ModuleNotFoundError as error:
        extra = "kafka" if "kafka" in found else "nats"
        raise component.error(
            f"{error.name} is not installed; install openfunction-eventing[{extra}]"
        ) from error
    try:
        async with asyncio.timeout(max(component.init_timeout, 0.1)):
            driver: Driver = await module.open(component)
    except TimeoutError as error:
        raise component.error(f"it was not ready within {component.init_timeout:g} s") from error
    return driver


def _unknown(type: str) -> str:  # noqa: A002 - Dapr's word
    family = [name for name in TYPES if name.partition(".")[0] == type.partition(".")[0]]
    near = difflib.get_close_matches(ALIASES.get(type, type), TYPES, 1, 0.75)
    if near:
        return f"there is no such type; did you mean {near[0]}?"
    return f"there is no such type; there are {', '.join(family or TYPES)}"


__all__ = ["ALIASES", "TYPES", "Component", "ComponentError", "known", "open"]
