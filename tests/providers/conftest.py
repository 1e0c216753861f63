"""The control planes that tests of providers run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.providers import house as houses


@pytest.fixture(params=["fresh", "lagging"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[houses.House]:
    """A control plane, with caches that are fresh or late by one event."""
    async with houses.open_house(tmp_path, lagging=request.param == "lagging") as opened:
        yield opened


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[houses.House]:
    """A control plane with fresh caches, for what lag cannot change."""
    async with houses.open_house(tmp_path) as opened:
        yield opened
