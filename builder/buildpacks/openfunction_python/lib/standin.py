"""Stand-ins for the published frameworks: wheels without a file that require ours, so that a resolver takes ours.

They take part in resolving alone; none is ever installed.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

OURS = "openfunction-functions-framework"
# What code written for each imports beside the framework, as extras of ours.
EXTRAS = {"functions-framework": "google", "ofn-functions-framework": "google,dapr"}
_VERSION = "999"


def overrides(folder: Path) -> list[str]:
    """Write the stand-ins to a folder; the lines by which a resolver takes them, whatever version is asked for."""
    return [f"{name} @ {_wheel(name, folder).as_uri()}" for name in EXTRAS]


def taken_out(lock: str) -> tuple[str, list[str]]:
    """A resolver's annotated answer without stand-ins and annotations, and what it says of each stand-in.

    Returns:
        The lock, and one sentence for each stand-in that another package had asked for.
    """
    kept: list[str] = []
    said: list[str] = []
    for block in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        name = re.split(r"[\s=@\[]", block, maxsplit=1)[0]
        lines = block.splitlines(keepends=True)
        if name in EXTRAS:
            if requiring := _requiring(lines):
                said.append(f"{name}, which {' and '.join(requiring)} requires, is satisfied by {OURS}")
            continue
        kept += [line for line in lines if not line.lstrip().startswith("#")]
    return "".join(kept), said


def _requiring(lines: Iterable[str]) -> list[str]:
    """The packages that an annotation names; files of requirements begin with a dash."""
    notes = [line.strip().lstrip("#").strip().removeprefix("via").strip() for line in lines if "#" in line]
    return [note for note in notes if re.fullmatch(r"[a-z0-9][a-z0-9-]*", note)]


def _wheel(name: str, folder: Path) -> Path:
    stem = f"{name.replace('-', '_')}-{_VERSION}"
    path = folder / f"{stem}-py3-none-any.whl"
    about = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {_VERSION}\nRequires-Dist: {OURS}[{EXTRAS[name]}]\n"
    )
    files = {
        "METADATA": about,
        "WHEEL": "Wheel-Version: 1.0\nGenerator: openfunction\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), text)
    return path
