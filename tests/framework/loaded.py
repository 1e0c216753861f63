"""A user's file, loaded as the command line loads it and served in this loop, start and stop hooks included."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest import mock

from functions_framework import loader, settings
from functions_framework.program import Hook, Program
from functions_framework.serving import server
from tests.framework.conftest import Site


@contextmanager
def module(folder: Path, text: str, *, target: str = "", **environ: str) -> Iterator[Program]:
    """The program of a source text with these variables; nothing it imported stays."""
    file = folder / "main.py"
    file.write_text(text)
    before = set(sys.modules)
    path = list(sys.path)
    with mock.patch.dict("os.environ", environ):
        try:
            yield loader.load(
                settings.FunctionSettings(source=file, target=target or "function", named=bool(target))
            )
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - before:
                if getattr(sys.modules[name], "__file__", None) and Path(
                    str(sys.modules[name].__file__)
                ).is_relative_to(folder):
                    del sys.modules[name]


@asynccontextmanager
async def served(
    folder: Path, text: str, *, target: str = "", timeout: float = 30.0, env: Mapping[str, str] | None = None
) -> AsyncIterator[Site]:
    """A server around a source text."""
    with module(folder, text, target=target, **(env or {})) as program:
        await _each(program.starts)
        limits = settings.InstanceSettings(settle=0.02, timeout=timeout)
        made = server.Server(program, limits, asyncio.get_running_loop())
        listener = server.bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        await made.start(listener)
        try:
            yield Site(made, port)
        finally:
            await made.close()
            await _each(program.stops)


async def _each(hooks: Iterable[Hook]) -> None:
    for hook in hooks:
        done = await asyncio.to_thread(hook)
        if inspect.isawaitable(done):
            await done
