"""The programs of this distribution as processes of their own, on a folder that the test writes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from openfunction_eventing import documents
from tests import waiting
from tests.eventing import brokers


def component(url: str, name: str = "bus", **metadata: str) -> dict[str, Any]:
    """A Component of JetStream."""
    values = [{"name": key, "value": value} for key, value in {"natsURL": url, **metadata}.items()]
    spec = {"type": "pubsub.jetstream", "version": "v1", "metadata": values, "initTimeout": "2s"}
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name}, "spec": spec}


def write(folder: Path, name: str, *given: object) -> None:
    """Write documents as one file, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    values = [one if isinstance(one, dict) else documents.to_json(one) for one in given]
    new = folder / f".{name}"
    new.write_text(json.dumps(values))
    new.rename(folder / f"{name}.json")


class Program:
    """One process."""

    def __init__(self, module: str, folder: Path, port: int) -> None:
        self._module, self._folder, self.port = module, folder, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it."""
        command = [
            sys.executable,
            "-m",
            f"openfunction_eventing.{self._module}",
            "--config",
            str(self._folder),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text()

    async def end(self) -> int:
        """End it in order; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await self.wait()

    async def wait(self) -> int:
        """Its exit code, once it has ended; sinks of this loop answer meanwhile."""
        assert self._process is not None
        code = await asyncio.to_thread(self._process.wait, 30)
        self._process = None
        return code

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    async def ready(self) -> None:
        """Until it says so."""
        await waiting.until_async(self.is_ready)

    async def is_ready(self) -> bool:
        """Whether it says so now."""
        return (await self.get("readyz"))[0] == 200

    async def get(self, path: str) -> tuple[int, str]:
        """An answer of its door; status 0 when nobody answers."""
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"http://127.0.0.1:{self.port}/{path}") as answer,
            ):
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""


@contextmanager
def running(module: str, folder: Path, port: int | None = None) -> Iterator[Program]:
    """A program for the length of a block."""
    made = Program(module, folder, port or brokers.free_port())
    made.start()
    try:
        yield made
    finally:
        made.kill()
