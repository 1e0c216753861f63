"""How much disk the platform's folders take, and the command that gives it back.

It removes nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from pathlib import Path

from openfunction_py.lib.home import Home

BLOCK = 512  # the unit of st_blocks, whatever the file system


def used(folder: Path) -> int:
    """Bytes that a folder takes on disk; a file with several names is counted once, what cannot be read not at all."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # a platform that runs makes and removes files
                about = os.lstat(f"{above}/{name}")
                key = about.st_dev, about.st_ino
                if stat.S_ISREG(about.st_mode) and key not in seen:
                    seen.add(key)
                    total += about.st_blocks * BLOCK
    return total


def data_note(home: Home) -> str:
    """Place and size of a data folder, and what removes it."""
    if not home.root.exists():
        return str(home.root)
    images, unpacked = used(home.images), used(home.node)
    return (
        f"{home.root}, {megabytes(used(home.root))} (image store {megabytes(images)}, unpacked {megabytes(unpacked)}); "
        "`ofn down --purge` removes it with every object and image"
    )


def cache_note(folder: Path) -> str:
    """Place and size of the cache folder, and what removes it."""
    if not folder.exists():
        return str(folder)
    downloads = used(folder / "uv")
    return (
        f"{folder}, {megabytes(used(folder))} (downloads of uv {megabytes(downloads)}); while nothing builds, "
        f"`rm -r {shlex.quote(str(folder))}` removes it, and the next build downloads again"
    )


def megabytes(size: int) -> str:
    """Bytes as people write them."""
    return f"{size / 1e6:.0f} MB"
