"""Virtual environments of what we compare with, kept in the cache: one for each name and version of Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from openfunction_py.lib import home as homes

PYTHON = f"py{sys.version_info.major}.{sys.version_info.minor}"


def made(name: str, *packages: str) -> Path:
    """The folder of the programs of an environment with these packages, of the Python that runs this."""
    folder = homes.cache_dir(os.environ) / "bench" / f"{name}-{PYTHON}"
    programs = folder / "bin"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        python = str(programs / "python")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = ["uv", "pip", "install", "-q", "--python", python]
        subprocess.run([*install, *packages], check=True, env=tools())
        subprocess.run([python, "-m", "compileall", "-q", str(folder / "lib")], check=False)
        (folder / ".ready").touch()
    return programs


def clean() -> dict[str, str]:
    """This environment without Python's own switches, which would slow or speed a measured program."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def tools() -> dict[str, str]:
    """The environment for building tools: uv of this virtual environment first on PATH."""
    return {**clean(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
