"""One server for the suite; a namespace of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from openfunction_py.apiserver import testing
from tests.apiserver.api import Api


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Server]:
    """A real server over a store in a temporary folder."""
    with testing.start(tmp_path_factory.mktemp("apiserver")) as started:
        yield started


@pytest.fixture
def api(running: testing.Server) -> Api:
    """A client whose namespace is new."""
    name = f"test-{uuid4().hex[:10]}"
    Api(running).ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Api(running, name)
