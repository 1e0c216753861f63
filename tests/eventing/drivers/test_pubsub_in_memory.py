"""Topics in memory: the contract, as far as a process that ends can keep it."""

from __future__ import annotations

from typing import cast

import pytest

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import PubSub
from openfunction_eventing.drivers.pubsub_in_memory import InMemory, Store
from tests.eventing.drivers import contract


class Memory:
    """A broker that is a store of this process."""

    def __init__(self) -> None:
        self.store = Store()

    def kill(self) -> None:
        """It goes with the process."""

    def start(self) -> None:
        """It is there."""


class TestContract(contract.OrderContract):
    """The promises."""

    @pytest.fixture
    def broker(self) -> Memory:
        return Memory()

    def component(self, broker: contract.Restartable) -> Component:
        return Component("bus", "pubsub.in-memory")

    async def open(self, broker: contract.Restartable) -> PubSub:
        return InMemory(self.component(broker), cast("Memory", broker).store)
