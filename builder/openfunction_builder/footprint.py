"""Paths of the building machine in what is to become a layer: an image that holds one works nowhere else.

It reads every file whole and changes none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from openfunction_builder import reasons
from openfunction_builder.workspace import Workspace

# Prefixes that say nothing of a machine: every image and many packages name them.
COMMON = frozenset({"/", "/usr", "/usr/local", "/opt"})


def of(work: Workspace) -> list[str]:
    """The paths that no launch layer may name."""
    prefix = str(Path(sys.base_prefix))
    return [str(work.root), str(work.cache), *([] if prefix in COMMON else [prefix])]


def refuse(folder: Path, paths: Sequence[str], *, of: str) -> None:
    """Look for the paths in every file and link.

    Raises:
        BuildError: ExportFailed, naming the file and what it names.
    """
    marks = [path.encode() for path in paths]
    for file in sorted(folder.rglob("*")):
        if file.is_symlink():
            content = str(file.readlink()).encode()
        elif file.is_file():
            content = file.read_bytes()
        else:
            continue
        if found := next((path for path, mark in zip(paths, marks, strict=True) if mark in content), None):
            raise reasons.BuildError(
                "ExportFailed",
                f"{file.relative_to(folder)} of {of} names {found}, a folder of this machine; the image would work "
                "nowhere else",
            )
