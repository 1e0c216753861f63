"""Requirements of a source: read, completed by our framework, resolved to a lock, installed as a layer.

The layer depends on the lock, the interpreter's ABI and the platform alone, so functions share it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import settings

OURS = "openfunction-functions-framework"
SATISFIED = {"functions-framework", "ofn-functions-framework", OURS}
LOCK_SECONDS = 24 * 3600
UNREACHABLE = re.compile(
    r"dns error|failed to lookup|network|Connection|timed out|offline|error sending request", re.IGNORECASE
)


def read(app: Path) -> list[str]:
    """Lines of requirements.txt, or the dependencies of pyproject.toml."""
    if (app / "requirements.txt").is_file():
        lines = (app / "requirements.txt").read_text().splitlines()
    else:
        lines = _project(app).get("project", {}).get("dependencies", [])
    kept = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    for line in kept:
        if _name(line) in SATISFIED:
            print(f"the requirement {line!r} is satisfied by {OURS}, which comes with this build")
    return sorted(line for line in kept if _name(line) not in SATISFIED)


def steps(app: Path) -> list[str]:
    """Commands of [tool.openfunction] build-steps."""
    found = _project(app).get("tool", {}).get("openfunction", {}).get("build-steps", [])
    return [str(step) for step in found]


def _project(app: Path) -> dict:
    try:
        return tomllib.loads((app / "pyproject.toml").read_text())
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise settings.Failure("SyntaxError", f"pyproject.toml: {error}") from error


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[(@]", line, maxsplit=1)[0]).lower()


def abi() -> str:
    """What compiled modules depend on."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{sys.platform}-{platform.machine()}"


class Resolver:
    """Resolves and installs with uv, from the wheels of the buildpack and the package registry."""

    def __init__(self, *, wheels: Path, cache: Path, env: dict[str, str]) -> None:
        """Keep locks and layers below `cache`."""
        self.wheels, self.cache = wheels, cache
        wanted = ("UV_", "PIP_", "SSL_")
        self.env = {**os.environ, **{k: v for k, v in env.items() if k.startswith(wanted)}}

    def lock(self, lines: list[str]) -> str:
        """The lock for requirement lines; one of the last day is used again, so that equal sources give equal images.

        Raises:
            Failure: DependencyFailed, with the decisive lines.
        """
        ours = next(self.wheels.glob("*.whl"))
        text = "\n".join([*lines, f"{OURS}=={ours.name.split('-')[1]}"]) + "\n"
        digest = hashlib.sha256(ours.read_bytes() + text.encode() + abi().encode()).hexdigest()[:20]
        kept = self.cache / "locks" / f"{digest}.txt"
        if kept.exists() and time.time() - kept.stat().st_mtime < LOCK_SECONDS:
            return kept.read_text()
        try:
            found = self._compile(text)
        except settings.Failure:
            if not kept.exists():
                raise
            print("the package registry is not reachable; the last lock for these requirements is used")
            return kept.read_text()
        kept.parent.mkdir(parents=True, exist_ok=True)
        _write(kept, found)
        return found

    def _compile(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "requirements.in").write_text(text)
            return self._uv(
                "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes",
                "--no-emit-find-links", "--find-links", str(self.wheels), "--python", sys.executable, "requirements.in",
                cwd=Path(work),
            )  # fmt: skip

    def install(self, lock: str, target: Path) -> None:
        """Fill a layer with what a lock says; a layer of an earlier build with the same key is taken as it is.

        Raises:
            Failure: DependencyFailed.
        """
        key = hashlib.sha256(f"2\n{lock}\n{abi()}".encode()).hexdigest()[:24]
        kept = self.cache / "dependencies" / key
        if not kept.is_dir():
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
        else:
            print(f"dependencies: taken from an earlier build with the same lock ({key})")
        shutil.copytree(kept, target, copy_function=_link, symlinks=True, dirs_exist_ok=True)

    def _fill(self, lock: str, folder: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "lock.txt").write_text(lock)
            self._uv(
                "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-compile-bytecode",
                "--link-mode", "copy", "--find-links", str(self.wheels), "--python", sys.executable,
                "--target", str(folder), "-r", "lock.txt", cwd=Path(work),
            )  # fmt: skip
        for name in ("bin", ".lock"):
            found = folder / name
            shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)
        compile_folder(folder, at="/layers/openfunction_python/deps")

    def _uv(self, *words: str, cwd: Path) -> str:
        """Run uv; without a network once more from its cache alone."""
        for more in ((), ("--offline",)):
            done = subprocess.run(
                ["uv", *words, *more], cwd=cwd, env=self.env, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return done.stdout
            if not UNREACHABLE.search(done.stderr):
                break
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise settings.Failure("DependencyFailed", "the requirements cannot be installed", "\n".join(lines))


def compile_folder(folder: Path, *, at: str) -> None:
    """Byte-compile in an order and mode that give the same bytes again, with paths as the image will have them."""
    subprocess.run(
        [
            sys.executable, "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
            "-s", str(folder), "-p", at, str(folder),
        ],
        env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, check=False,
    )  # fmt: skip


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(path)
