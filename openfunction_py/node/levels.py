"""Which sandbox level this machine really allows, found by trying.

It trusts no version number and no capability set: a level counts when a process was started with it.
"""

from __future__ import annotations

from pathlib import Path

from openfunction_py.lib import log
from openfunction_py.node import files, process_runtime, processes, sandbox, spawn
from openfunction_py.node.sandbox import Bind, Level, Needs

TRY_SECONDS = 10.0

logger = log.get("node.levels")


async def strictest(scratch: Path) -> Level:
    """The strictest level that works; `scratch` is a folder of the node's for the attempts."""
    files.open_folder(scratch / "stage")
    for level in sandbox.levels():
        if await _works(level, scratch):
            return level
        logger.info("this machine refuses a sandbox level", level=level.value)
    return Level.SAME_USER


async def _works(level: Level, scratch: Path) -> bool:
    exits = scratch / "exit"
    launch = spawn.Launch(
        argv=["/bin/sh", "-c", "test -d /openfunction-probe || test ! -e /proc/self/ns/mnt"]
        if level is not Level.SAME_USER
        else ["/bin/sh", "-c", ":"],
        env={"PATH": "/usr/bin:/bin"},
        cwd=Path("/"),
        log=scratch / "log",
        exits=exits,
        confinement=sandbox.confinement(
            level,
            Needs(
                readable=[scratch],
                binds=[Bind(scratch, "/openfunction-probe")] if level is not Level.SAME_USER else [],
                stage=scratch / "stage",
            ),
        ),
    )
    instance = process_runtime.ProcessRuntime().adopt(spawn.start(launch), spec_exits=exits, template="")
    async with processes.deadline(TRY_SECONDS):
        return await instance.wait() == 0
    return False
