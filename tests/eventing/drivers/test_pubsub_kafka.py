"""Kafka: the contract against a real broker, and what is its own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.kafka import producing, settings
from openfunction_eventing.drivers.port import SubscribeOptions
from tests.eventing import brokers
from tests.eventing.drivers import contract, contract_durable

pytestmark = pytest.mark.slow


class TestContract(contract_durable.DurableContract, contract.OrderContract):
    """The promises."""

    DEDUPLICATES = False

    @pytest.fixture
    def broker(self, kafka: brokers.Kafka) -> brokers.Kafka:
        return kafka

    def component(self, broker: contract.Restartable) -> Component:
        address = cast("brokers.Kafka", broker).url
        return Component("bus", "pubsub.kafka", metadata={"brokers": address, "authType": "none"})

    def options(self, **given: Any) -> SubscribeOptions:
        # Dapr's default is to begin with what comes next; the promises are about everything.
        return super().options(**{"start": "all", **given})

    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(producing, "_PATIENCE", 1.0)
        monkeypatch.setattr(settings, "_LEAVE", 1.0)


def guarded(kafka: brokers.Kafka, password: str) -> Component:
    """Topics behind a door that wants a user."""
    login = {"authType": "password", "disableTls": "true", "saslUsername": "me", "saslPassword": password}
    return Component(
        "bus", "pubsub.kafka", metadata={"brokers": kafka.guarded_url, **login}, init_timeout=60.0
    )


@pytest.mark.capability("credentials refused")
async def test_refused_credentials_are_final_at_once_and_right_ones_work(kafka: brokers.Kafka) -> None:
    with pytest.raises(ComponentError, match="refuses the credentials") as told:
        await drivers.open(guarded(kafka, "secret"))
    assert "secret" not in str(told.value)
    made = cast("port.PubSub", await drivers.open(guarded(kafka, "right")))
    assert made.health() == ""
    await made.close()
