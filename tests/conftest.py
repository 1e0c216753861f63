"""Fixtures that several suites share: the API servers of the wire suites.

A test that asks for `server` runs once on each of them.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests import slow

if TYPE_CHECKING:
    from openfunction_py.kube.client import Client
    from tests.wire.servers import Server

SERVERS = ("embedded", "real")
HERE = Path(__file__).parent


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: who runs in a shell's background was told to ignore it, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import what a run of the fast part leaves out whole."""
    fast = "not slow" in config.option.markexpr and collection_path.is_relative_to(HERE)
    return True if fast and slow.is_place(collection_path.relative_to(HERE).as_posix()) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow."""
    for item in items:
        here = item.path.is_relative_to(HERE)
        if here and slow.is_slow(item.path.relative_to(HERE).as_posix(), item.name):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", params=[pytest.param(name, marks=pytest.mark.wire) for name in SERVERS])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server: the embedded one, then a real kube-apiserver; shared, so use a namespace of your own."""
    from tests.wire import servers  # noqa: PLC0415 - only suites that ask for a server pay for it

    if request.param == "real":
        servers.require_real()
    start = servers.embedded if request.param == "embedded" else servers.kubernetes
    with start(tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture
async def wire_client(server: Server) -> AsyncIterator[Client]:
    """A client of the server."""
    from openfunction_py.kube import client as clients  # noqa: PLC0415

    async with clients.Client(server.endpoint) as made:
        yield made


@pytest.fixture
async def namespace(wire_client: Client) -> str:
    """A new namespace on the server."""
    from openfunction_py.api.upstream import core  # noqa: PLC0415

    name = f"test-{uuid4().hex[:10]}"
    await wire_client.create(core.Namespace.model_validate({"metadata": {"name": name}}))
    return name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on each server."""
    ran: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "skipped", "error"):
        for report in terminalreporter.getreports(outcome):
            for name in SERVERS:
                if f"[{name}" in report.nodeid or f"-{name}]" in report.nodeid:
                    ran[name, outcome] += 1
    for name in SERVERS:
        counts = [f"{count} {outcome}" for (of, outcome), count in sorted(ran.items()) if of == name]
        if counts:
            terminalreporter.write_line(f"wire: on the {name} server {', '.join(counts)}")
