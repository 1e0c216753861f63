"""Programs that come with no Python package: where they lie on this machine.

It looks and starts nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from openfunction_py.lib import home as homes

FOLDER_VARIABLE = "OFN_TOOLS"
DAPRD_VARIABLE = "OFN_DAPRD"


def daprd(environ: Mapping[str, str]) -> Path | None:
    """Dapr's own sidecar: what `OFN_DAPRD` names and nothing else, or on PATH, or among the tools built here."""
    named = environ.get(DAPRD_VARIABLE, "")
    if named:
        return _program(Path(named))
    found = shutil.which("daprd", path=environ.get("PATH", os.defpath))
    return _program(Path(found)) if found else _program(folder(environ) / "bin" / "daprd")


def folder(environ: Mapping[str, str]) -> Path:
    """Where the scripts below `tools/` put what they build: $OFN_TOOLS, or `tools` in the user's cache folder."""
    chosen = environ.get(FOLDER_VARIABLE)
    return Path(chosen).absolute() if chosen else homes.user_cache(environ) / "tools"


def _program(path: Path) -> Path | None:
    """The file itself, whatever links lead to it: a sandbox shows the file and none of the links."""
    return path.resolve() if path.is_file() and os.access(path, os.X_OK) else None
