"""The buildpacks as the lifecycle takes them: their folders with the framework's wheel inside.

An installed distribution carries them as data; from a checkout they are put together once per state of the sources.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from openfunction_builder import caches

HERE = Path(__file__).resolve().parent
DATA = HERE / "_data" / "buildpacks"
CHECKOUT = HERE.parent.parent


class PackageError(Exception):
    """The buildpacks cannot be put together; the message says what is missing."""


def buildpacks(cache: Path) -> Path:
    """The folder that holds one folder per buildpack.

    Raises:
        PackageError: neither installed as data nor a checkout.
    """
    if (CHECKOUT / "builder" / "buildpacks").is_dir() and (CHECKOUT / "functions-framework").is_dir():
        return _of_checkout(cache / "buildpacks")
    if DATA.is_dir():
        return DATA
    raise PackageError(
        "this installation holds no buildpacks; install the openfunction-builder distribution again"
    )


def _of_checkout(cache: Path) -> Path:
    target = cache / _state()
    if target.is_dir():
        caches.touch(target)
        return target
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=cache, prefix=".part-"))
    try:
        write(part)
        part.chmod(0o755)
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _state() -> str:
    """A digest over the sources of buildpacks and framework."""
    found = hashlib.sha256()
    for root in (CHECKOUT / "builder" / "buildpacks", CHECKOUT / "functions-framework"):
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and "egg-info" not in str(path):
                found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def write(target: Path) -> None:
    """Put the buildpacks of this checkout together in a folder."""
    shutil.copytree(
        CHECKOUT / "builder" / "buildpacks",
        target,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for buildpack in target.iterdir():
        if buildpack.is_dir():
            wheel(buildpack / "wheels")


def wheel(target: Path) -> None:
    """Build the framework's wheel into a folder.

    Raises:
        PackageError: it cannot be built here.
    """
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "framework"
        shutil.copytree(
            CHECKOUT / "functions-framework",
            copy,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "dist"),
        )
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
            cwd=copy, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise PackageError(
            f"the framework's wheel cannot be built: {done.stderr.strip()[-400:]}; run `make setup`"
        )


def main() -> int:
    """Write the data that the distribution of the builder carries."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    write(DATA)
    return 0


if __name__ == "__main__":
    sys.exit(main())
