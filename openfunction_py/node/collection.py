"""What nobody needs any more leaves the disk: unpacked images and layers, and blobs of the image store.

The node does both, as the one process that lives long and uses the store; builds and `ofn` only add to it, under its
lock. What is a blob of whom is the store's matter, and what goes of the unpacked is decided in `unused`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from openfunction_builder import images as layouts
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock
from openfunction_py.lib.home import Home
from openfunction_py.node import holders, records, templates, unused
from openfunction_py.node.holders import Held
from openfunction_py.node.images import Images
from openfunction_py.node.unused import Folder, Times

logger = log.get("node.collection")


class Collector:
    """Collects from time to time."""

    def __init__(self, client: Client, home: Home, *, images: Images, clock: Clock, times: Times) -> None:
        """Collect in a home, whose unpacked images these are."""
        self._client = client
        self._home = home
        self._images = images
        self._clock = clock
        self._times = times

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(self._times.first)
        while True:
            await self._try_round()
            await asyncio.sleep(self._times.pause)

    async def _try_round(self) -> None:
        try:
            await self.round()
        except (errors.ApiError, holders.IncompleteError) as error:
            # an answer that is not there is no proof that nobody holds an image
            logger.info("nothing is collected now", error=str(error))
        except Exception:
            logger.exception("collecting failed and is tried again later")

    async def round(self) -> None:
        """Remove what nobody needs now; raises what `holders.find` raises, and OSError."""
        held = await holders.find(self._client)
        used = await asyncio.to_thread(in_use, self._home, held)
        gone = self._retire(used)  # on the loop, in one step: no Pod takes an image up meanwhile
        await asyncio.to_thread(_delete, gone)
        freed = await asyncio.to_thread(self._collect_blobs, held, held.mentioned | used)
        if gone or freed:
            logger.info("what nobody needs was removed", folders=len(gone), store_bytes=freed)

    def _retire(self, used: Iterable[str]) -> Sequence[Path]:
        """Take what goes out of its place; where it was is free for a new unpacking at once."""
        names = {digest.removeprefix("sha256:") for digest in used}
        now = self._clock.now().timestamp()
        with self._images.gate.alone() as alone:
            if not alone:
                logger.debug("an image is being unpacked, so nothing unpacked is removed now")
                return []
            images, layers = look(self._home)
            _touch((self._home.unpacked / one.name for one in images if one.name in names), now)
            going = unused.decide(images, layers, used=names, now=now, grace=self._times.unused)
            paths = (
                *(self._home.unpacked / name for name in going.images),
                *(self._home.layers / name for name in going.layers),
            )
            return [path.rename(path.with_name(f"{unused.GONE}{secrets.token_hex(8)}")) for path in paths]

    def _collect_blobs(self, held: Held, keep: frozenset[str]) -> int:
        layout = layouts.Layout(self._home.images)
        if not (layout.path / "index.json").exists():
            return 0
        return layout.collect(keep.__contains__, grace=self._times.unnamed, wanted=held.names)


def in_use(home: Home, held: Held) -> frozenset[str]:
    """Digests of images that run, or that a Pod or Deployment would start from; names are those of the store."""
    layout = layouts.Layout(home.images)
    digests = {image for image in held.started if image.startswith("sha256:")}
    named = {layout.resolve(image) for image in held.started - digests if "@" not in image}
    running = records.images(home.pods) | templates.recorded_images(home)
    return frozenset({*digests, *running, *(one for one in named if one)})


def look(home: Home) -> tuple[list[Folder], list[Folder]]:
    """The unpacked images and layers of a home."""
    images = [
        Folder(path.name, path.stat().st_mtime, frozenset(_layers_of(path, home)))
        for path in home.unpacked.iterdir()
    ]
    return images, [Folder(path.name, path.stat().st_mtime) for path in home.layers.iterdir()]


def _layers_of(image: Path, home: Home) -> Iterable[str]:
    for link in (*image.glob("layers/*/*"), image / "workspace"):
        if link.is_symlink():
            target = Path(os.path.normpath(link.parent / link.readlink()))
            if target.is_relative_to(home.layers):
                yield target.relative_to(home.layers).parts[0]


def _touch(paths: Iterable[Path], now: float) -> None:
    """The grace begins when an image was last seen in use, not when it was unpacked; a new node knows it too."""
    for path in paths:
        os.utime(path, (now, now))


def _delete(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            logger.warning("a folder cannot be removed and is tried again later", folder=str(folder))
