"""Paths within a folder: whatever a name says, and whatever links lie there, it ends below that folder.

It opens nothing, so who changes links between the answer and its use can lead elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 255


def within(root: Path, name: str) -> Path:
    """Where a name leads when `root` is the top of everything, for `..` and for links as well.

    What is not there yet is taken as it is written.

    Raises:
        OSError: links lead in a circle, or a part of the path may not be looked at.
        ValueError: it is no name for a file system.
    """
    if "\0" in name:
        raise ValueError("it has a null byte, which no name of a file has")
    at: list[str] = []
    left = name.split("/")[::-1]
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            del at[-1:]
        if part in ("", ".", ".."):
            continue
        target = _link(root.joinpath(*at, part))
        if target is None:
            at.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        if target.startswith("/"):
            at.clear()
        left.extend(target.split("/")[::-1])
    return root.joinpath(*at)


def _link(path: Path) -> str | None:
    """Where a link points to; None for everything else, and for what is not there."""
    try:
        return str(path.readlink()) if stat.S_ISLNK(path.lstat().st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
