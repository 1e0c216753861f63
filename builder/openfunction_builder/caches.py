"""The folder that outlives builds: who uses it now, and what is thrown away before the next build.

Nothing that a running build may need is removed; folders of other programs beside ours are not looked at.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

UNUSED_SECONDS = 30 * 24 * 3600
KEPT = ("buildpacks", "dependencies", "layers")
WORK = "work"
PART = ".part-"


@contextlib.contextmanager
def used(cache: Path) -> Iterator[None]:
    """Hold the cache for a build; the first of simultaneous builds tidies it up."""
    cache.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(cache / ".builds.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(descriptor)
            trim(cache, now=os.fstat(descriptor).st_mtime)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def trim(cache: Path, *, now: float) -> None:
    """Remove what killed builds left and what no build used for 30 days; nobody may be building."""
    shutil.rmtree(cache / WORK, ignore_errors=True)
    for folder in KEPT:
        for found in _entries(cache / folder):
            if found.name.startswith(PART) or now - found.stat().st_mtime > UNUSED_SECONDS:
                _remove(found)


def touch(path: Path) -> None:
    """Note that something of the cache was used now."""
    os.utime(path)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
