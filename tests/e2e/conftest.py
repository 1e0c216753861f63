"""One platform for the end-to-end tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import platform


@pytest.fixture(scope="session")
def there() -> Iterator[platform.Platform]:
    """A running platform with a window of 6 s and a grace of 1 s."""
    with platform.started() as running:
        yield running
