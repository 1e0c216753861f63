"""The interpreter that functions are built for and run with: this one's base, never a virtual environment."""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def base() -> Path:
    """The executable behind this process's virtual environment, or this process's own."""
    found = getattr(sys, "_base_executable", None) or sys.executable
    return Path(found).resolve()


def abi() -> str:
    """What compiled extension modules depend on, such as cp311-linux-x86_64."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{sys.platform}-{platform.machine()}"
