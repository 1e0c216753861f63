"""The small server of these tests, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openfunction_py.kube import client as clients
from tests.kube.fake_api import FakeApi


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """A server that listens."""
    served = FakeApi()
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[clients.Client]:
    """A client of it."""
    async with clients.Client(api.endpoint) as made:
        yield made
