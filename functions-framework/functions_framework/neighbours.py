"""Other distributions whose `functions_framework` lies in this one's folder, so that each has overwritten the other.

It looks at the names in that folder alone and imports nothing of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from functions_framework import exits

OURS = "openfunction-functions-framework"
_OTHER = (
    r"(?i)((?:ofn_)?functions_framework)-([^-]+)(?:-[^-]+)?\.(?:dist|egg)-info"  # compiled if there is one
)


def refuse(folder: str = os.path.dirname(os.path.dirname(__file__))) -> None:
    """Raise StartError TwoFrameworks when another one is installed beside this package."""
    if told := sentence(others([folder])):
        raise exits.StartError("TwoFrameworks", told)


def others(folders: Iterable[str | os.PathLike[str]]) -> list[tuple[str, str]]:
    """Name and version of every other functions framework that is installed in these folders."""
    found = []
    for folder in folders:
        try:
            names = os.listdir(folder)  # half the time of Path.iterdir, and this is at every start
        except OSError:  # a path that does not exist, or a zip file
            continue
        found += [
            match.groups()
            for name in names
            if "unctions_framework-" in name and (match := re.fullmatch(_OTHER, name))
        ]
    return [(name.lower().replace("_", "-"), version) for name, version in found]


def sentence(found: Iterable[tuple[str, str]]) -> str:
    """What is wrong and which commands put it right; empty when nothing is."""
    found = sorted(set(found))
    if not found:
        return ""
    listed = " and ".join(f"{name} {version}" for name, version in found)
    names = " ".join(name for name, _ in found)
    return (
        f"{listed} is installed beside {OURS}, and both are the package functions_framework, so files of one replaced "
        f"the other's; keep one: `python -m pip uninstall -y {names}`, then "
        f"`python -m pip install --force-reinstall --no-deps {OURS}`"
    )
