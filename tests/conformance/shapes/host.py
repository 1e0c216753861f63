"""One process for the functions of a file: each loaded as the command line loads it, behind a real server of its own.

`python -m tests.conformance.shapes.host FILE [NAME:SIGNATURE ...]` prints the ports as a line of JSON, then what the
functions print; it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from functions_framework import cli, loader, settings
from functions_framework.program import Hook
from functions_framework.serving import server


async def serve(file: Path, named: list[str]) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    ports, made, stops = {}, [], list[Hook]()
    for each in named:
        name, _, signature = each.partition(":")
        wanted = settings.FunctionSettings(file, name, settings.signature(signature), named=True)
        program = loader.load(wanted)
        await _each(program.starts)
        stops += program.stops
        site = server.Server(program, settings.InstanceSettings(settle=0.02), loop)
        listener = server.bind("127.0.0.1", 0)
        ports[name] = listener.getsockname()[1]
        await site.start(listener)
        made.append(site)
    print(json.dumps(ports))
    await asyncio.to_thread(sys.stdin.read)
    for site in made:
        await site.close()
    await _each(stops)


async def _each(hooks: Iterable[Hook]) -> None:
    for hook in hooks:
        done = hook()
        if inspect.isawaitable(done):
            await done


if __name__ == "__main__":
    cli.line_buffered()
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:]))
