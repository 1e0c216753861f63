"""kill -9 of a writing server: every acknowledged object is there afterwards, and watches resume."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openfunction_py.apiserver import testing
from openfunction_py.apiserver.database import StoreError
from openfunction_py.apiserver.store import Store
from tests.apiserver.api import Api

PROGRAM = """
import asyncio, pathlib, sys
from openfunction_py.apiserver.database import Key
from openfunction_py.apiserver.store import Outcome, Store

async def write(store, worker):
    for n in range(100_000):
        name = f"w{worker}-{n}"
        written = await store.write(
            lambda view: Outcome("put", Key("things", "", name), {"metadata": {"name": name}})
        )
        sys.stdout.write(f"{name} {written.object['metadata']['resourceVersion']}\\n")
        sys.stdout.flush()

async def main():
    with Store(pathlib.Path(sys.argv[1])) as store:
        async with asyncio.TaskGroup() as group:
            for worker in range(8):
                group.create_task(write(store, worker))

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 400])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path / "s.db"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    promised = dict(line.split() for line in lines if line.endswith("\n"))
    with Store(tmp_path / "s.db") as store:
        rows = store.page("things").rows
        stored = {row.name: json.loads(row.value)["metadata"]["resourceVersion"] for row in rows}
        assert len(stored) == len(set(stored.values()))
        assert promised.items() <= stored.items()
        assert store.revision == max(map(int, stored.values()))


def test_a_restarted_server_knows_everything_and_watches_go_on(tmp_path: Path) -> None:
    with testing.start(tmp_path) as server:
        api = Api(server)
        made = api.create_map("a")
        version = made["metadata"]["resourceVersion"]
    with testing.start(tmp_path) as server:
        api = Api(server)
        assert api.ok("GET", api.config_maps("a")) == made
        with api.watch(api.config_maps(), f"&resourceVersion={version}") as events:
            api.create_map("b")
            assert next(events)["object"]["metadata"]["name"] == "b"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not writable"):
        Store(tmp_path / "missing" / "s.db")
