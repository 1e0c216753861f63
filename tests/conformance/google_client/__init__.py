"""The original client of Google's conformance suite, run against the same functions."""

from __future__ import annotations

import os
from pathlib import Path


def client() -> Path:
    """Where tools/conformance/build.sh puts the client."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (
        Path(os.environ.get("OFN_TOOLS") or cache / "openfunction" / "tools")
        / "bin"
        / "functions-framework-client"
    )


def absent() -> str:
    """Why the client cannot be run here; empty when it can."""
    return (
        "" if client().is_file() else "the original client is not built; tools/conformance/build.sh builds it"
    )
