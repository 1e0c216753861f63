"""One platform for the documents; a page finds it running, also after a page that ended it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import checkout
from tests.e2e import platform


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of all documents; afterwards no process of its platform may be left."""
    place = tmp_path_factory.mktemp("docs")
    yield place / "home"
    (place / "end").mkdir()
    checkout.Checkout(place / "end", home=place / "home").run("./ofn down --purge")
    assert not platform.processes_of(place / "home")


@pytest.fixture
def there(home: Path, tmp_path: Path) -> Iterator[checkout.Checkout]:
    """A folder of its own for each page, the platform running and without a Function."""
    made = checkout.Checkout(tmp_path, home=home)
    made.ensure_up()
    yield made
    made.ensure_empty()
