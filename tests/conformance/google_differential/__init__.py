"""The published framework and ours around the same file: same request, same answer, save for listed differences."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VERSION = "3.10.2"


def python() -> Path:
    """The interpreter of the environment that tools/conformance/published.sh makes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    tools = Path(os.environ.get("OFN_TOOLS") or cache / "openfunction" / "tools")
    version = f"{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    return tools / f"functions-framework-{version}" / "bin" / "python"


def absent() -> str:
    """Why the published framework cannot be asked here; empty when it can."""
    return (
        ""
        if python().is_file()
        else "the published framework is not there; tools/conformance/published.sh gets it"
    )
