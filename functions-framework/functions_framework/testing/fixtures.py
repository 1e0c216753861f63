"""Fixtures for pytest: `from functions_framework.testing.fixtures import dapr, serve` in a conftest.py or a test.

Nothing loads them unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Unpack, overload

import pytest

from functions_framework import testing
from functions_framework.registry import Signature

__all__ = ["Serve", "dapr", "serve"]


class Serve(Protocol):
    """Makes clients, started, that end with the test."""

    @overload
    def __call__(
        self, source: str | Path, /, *, target: str = "", signature: Signature | None = None,
        **setting: Unpack[testing.Setting],
    ) -> testing.Client: ...  # fmt: skip
    @overload
    def __call__(
        self,
        *functions: Callable[..., Any],
        signature: Signature = "http",
        **setting: Unpack[testing.Setting],
    ) -> testing.Client: ...


@pytest.fixture
def dapr() -> testing.Dapr:
    """A fake sidecar; `serve` gives it to every client of the test."""
    return testing.Dapr()


@pytest.fixture
def serve(dapr: testing.Dapr) -> Iterator[Serve]:
    """Makes clients as `testing.client` and, for a path, `testing.load` do; each is closed when the test ends."""
    with ExitStack() as opened:

        def make(*what: Any, **how: Any) -> testing.Client:
            how.setdefault("dapr", dapr)
            is_file = bool(what) and isinstance(what[0], str | Path)
            return opened.enter_context((testing.load if is_file else testing.client)(*what, **how))

        yield make
