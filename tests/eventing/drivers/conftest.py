"""One Kafka broker for all that need one: it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.eventing import brokers


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Kafka]:
    made = brokers.Kafka(tmp_path_factory.mktemp("kafka"))
    with brokers.running(made):
        yield made
