"""Fixtures of the node's suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.node import house


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[house.House]:
    """A house whose node does not run yet."""
    async with house.built(tmp_path) as built:
        yield built


@pytest.fixture
async def running(home: house.House) -> AsyncIterator[house.House]:
    """A house whose node runs."""
    async with home.node():
        yield home
