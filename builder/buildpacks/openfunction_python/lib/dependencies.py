"""Requirements resolved to a lock and installed as a layer.

The layer depends on the lock, the interpreter's ABI and the platform alone, so functions share it; it holds no path
of the machine that made it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import bytecode
import requirements
import resolver
import settings
import standin

LOCK_SECONDS = 24 * 3600
MADE = ".made"  # beside a lock: when it was resolved, in seconds since 1970
LAYER = "/layers/openfunction_python/deps"
SAID = "# "  # before what a lock has to tell of its making
FORM = "5"  # of a dependency layer; changes when the same lock would be laid out in another way


def abi() -> str:
    """What compiled modules depend on."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{sys.platform}-{platform.machine()}"


class Store:
    """Locks and dependency layers of earlier builds, below a folder that outlives builds."""

    def __init__(self, cache: Path, *, uv: resolver.Uv, wheels: Path, app: Path) -> None:
        """Resolve with uv, from the wheels of the buildpack, the app's own folders and the package registry."""
        self._cache, self._uv, self._wheels, self._app = cache, uv, wheels, app

    def lock(self, wanted: requirements.Wanted) -> str:
        """The lock, as `_lock`; what it has to tell is printed by each build that uses it."""
        lock = self._lock(wanted)
        for line in lock.splitlines():
            if line.startswith(SAID):
                print(line.removeprefix(SAID), flush=True)
        return lock

    def _lock(self, wanted: requirements.Wanted) -> str:
        """The lock; one of the last day is used again, so that equal sources give equal images.

        Raises:
            Failure: DependencyFailed, with the decisive lines.
        """
        ours = next(self._wheels.glob("*.whl"))
        lines = [*wanted.lines, *wanted.frameworks, f"{requirements.OURS}=={ours.name.split('-')[1]}"]
        if wanted.local:
            return self._compile(lines, wanted.constraints)
        indexes = {name: value for name, value in self._uv.env.items() if "INDEX" in name}
        wheel = hashlib.sha256(ours.read_bytes()).hexdigest()
        kept = self._cache / "locks" / f"{_digest([lines, wanted.constraints, indexes, wheel, abi()])}.txt"
        if kept.exists() and time.time() - _made(kept) < LOCK_SECONDS:
            return kept.read_text()
        try:
            found = self._compile(lines, wanted.constraints)
        except settings.Failure:
            if not kept.exists():
                raise
            print("the requirements cannot be resolved anew; their last lock is used", flush=True)
            return kept.read_text()
        kept.parent.mkdir(parents=True, exist_ok=True)
        for path, text in ((kept, found), (kept.with_suffix(MADE), f"{time.time():.0f}")):
            part = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_text(text)
            part.replace(path)
        return found

    def _compile(self, lines: list[str], constraints: list[str]) -> str:
        with tempfile.TemporaryDirectory() as work:
            files = {
                "requirements.in": lines,
                "constraints.txt": constraints,
                # a published framework must not come, whoever asks for it: the folders of both have one name
                "overrides.txt": standin.overrides(Path(work)),
            }
            for name, content in files.items():
                (Path(work) / name).write_text("".join(f"{line}\n" for line in content))
            found = self._uv.run(
                "pip", "compile", "--quiet", "--no-header", "--annotation-style", "split", "--generate-hashes",
                "--no-emit-find-links", "--no-emit-index-url", "--find-links", str(self._wheels),
                "--python", sys.executable, "--constraints", f"{work}/constraints.txt",
                "--overrides", f"{work}/overrides.txt", f"{work}/requirements.in",
                cwd=self._app,
            )  # fmt: skip
        lock, said = standin.taken_out(found)
        return "".join(f"{SAID}{sentence}\n" for sentence in said) + lock

    def install(self, lock: str, target: Path, *, local: bool) -> Path | None:
        """Fill a layer with what a lock says; the folder of the store it was taken from, None for local requirements.

        Raises:
            Failure: DependencyFailed.
        """
        if local:
            target.mkdir()
            self._fill(lock, target)
            return None
        key = _digest([FORM, lock, abi()])
        kept = self._cache / "dependencies" / key
        if kept.is_dir():
            print(f"dependencies: taken from an earlier build with the same lock ({key})", flush=True)
        else:
            self._keep(lock, kept)
        os.utime(kept)  # the platform removes what no build has used for a month
        shutil.copytree(kept, target, copy_function=_link, symlinks=True, dirs_exist_ok=True)
        target.chmod(0o755)  # who runs an image need not be who built it
        return kept

    def forget_all_but(self, kept: Path | None) -> None:
        """Remove what earlier locks were installed to, or a cache that nobody tidies up would only grow."""
        for other in (self._cache / "dependencies").glob("*"):
            if other != kept:
                shutil.rmtree(other)

    def _keep(self, lock: str, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".part-"))
        try:
            self._fill(lock, part)
            part.rename(kept)
        except OSError:
            if not kept.is_dir():
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _fill(self, lock: str, folder: Path) -> None:
        count = len(re.findall(r"^[^\s#]", lock, re.MULTILINE))
        print(f"dependencies: installing {count} packages", flush=True)
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "lock.txt").write_text(lock)
            self._uv.run(
                "pip", "install", "--quiet", "--no-deps", "--no-compile-bytecode", "--link-mode", "copy",
                "--find-links", str(self._wheels), "--python", sys.executable,
                "--target", str(folder), "-r", f"{work}/lock.txt", cwd=self._app,
            )  # fmt: skip
        tidy(folder)
        bytecode.compile_folder(folder, at=LAYER)


def tidy(folder: Path) -> None:
    """Take out what tells of the machine: uv's notes, and scripts that name its interpreter (use `python -m`)."""
    (folder / ".lock").unlink(missing_ok=True)
    gone = set()
    for script in (folder / "bin").glob("*"):
        if script.is_file() and script.read_bytes()[:2] == b"#!":
            gone.add(f"bin/{script.name}")
    for note in (*folder.glob("*.dist-info/uv_*.json"), *folder.glob("*.dist-info/direct_url.json")):
        if note.name != "direct_url.json" or json.loads(note.read_bytes()).get("url", "").startswith("file:"):
            gone.add(str(note.relative_to(folder)))
    for name in gone:
        (folder / name).unlink()
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if line.rsplit(",", 2)[0].strip('"') not in gone))
    if (folder / "bin").is_dir() and not any((folder / "bin").iterdir()):
        (folder / "bin").rmdir()


def portrait(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, to notice that one was written to."""
    found = ((path, path.lstat()) for path in folder.rglob("*") if not path.is_dir())
    return {str(path.relative_to(folder)): (about.st_size, about.st_mtime_ns) for path, about in found}


def _made(lock: Path) -> float:
    """When a lock was resolved; a lifecycle that brings a cached layer back gives all its files one time."""
    try:
        return float(lock.with_suffix(MADE).read_text())
    except (FileNotFoundError, ValueError):
        return lock.stat().st_mtime


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
