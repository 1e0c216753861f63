"""Small files and folders of the node, written whole or not at all.

It knows no content; a file that is no JSON reads as absent.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TAIL_BYTES = 1 << 16


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file in one step; only the node's user may read it."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
    part.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None when there is none that can be read."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def fresh_folder(path: Path, *, mode: int) -> None:
    """An empty folder in place of whatever was there; folders above it let others pass."""
    shutil.rmtree(path, ignore_errors=True)
    open_folder(path.parent)
    path.mkdir()
    path.chmod(mode)


def open_folder(path: Path) -> None:
    """A folder that others may pass through and not list."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o711)


def tail(path: Path, *, lines: int) -> str:
    """The last lines of a text file, from at most its last 64 KiB; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "".join(text.splitlines(keepends=True)[-lines:])
