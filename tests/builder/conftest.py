"""Fixtures of the builder's suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_builder import package
from tests.builder import upstream, workshop


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the suite's builds share, so that packages are fetched once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shop(tmp_path: Path, warm_cache: Path) -> workshop.Workshop:
    """A workshop with a layout of its own and the shared cache."""
    (tmp_path / "shop").mkdir()
    return workshop.Workshop(tmp_path / "shop", warm_cache)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """The source of a small function."""
    return workshop.write(tmp_path / "hello", {"main.py": workshop.HELLO})


@pytest.fixture(scope="session")
def buildpacks(warm_cache: Path) -> Path:
    """The buildpacks with the framework's wheel, for a test that upstream's lifecycle runs them in."""
    workshop.need_to_work("unshare", "--mount")
    upstream.lifecycle()
    return package.buildpacks(warm_cache)
