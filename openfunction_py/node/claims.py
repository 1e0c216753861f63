"""Folders of volume claims that are no more: they go once no Pod has one either.

It removes on the word of the API server alone; without an answer everything stays.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

from openfunction_py.api.upstream import core, storage
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import log
from openfunction_py.lib.home import Home

PAUSE = 60.0

logger = log.get("node.claims")


async def collect(client: Client, home: Home) -> None:
    """Look every minute until cancelled."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            await collect_once(client, home)
        except errors.ApiError as error:
            logger.info("no claim is collected now", error=str(error))
        except OSError:
            logger.exception("claims cannot be collected")


async def collect_once(client: Client, home: Home) -> None:
    """Remove the folders of claims that are gone; raises errors.ApiError and OSError."""
    # looked at before the claims, so that one made meanwhile is not taken for one that is gone
    folders = list(home.claims.iterdir())
    present = {one.metadata.uid for one in (await client.list(storage.PersistentVolumeClaim)).items}
    pods = (await client.list(core.Pod)).items
    shown = {path for pod in pods for path in _shown(home.pods / pod.metadata.uid / "volumes")}
    await asyncio.to_thread(_remove, [one for one in folders if one.name not in present and one not in shown])


def _shown(folder: Path) -> Iterable[Path]:
    return [path.readlink() for path in folder.iterdir() if path.is_symlink()] if folder.is_dir() else ()


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        logger.info("the volume of a deleted claim is removed", folder=str(folder))
        shutil.rmtree(folder)
