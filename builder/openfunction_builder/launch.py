"""From an image to a process: layers unpacked once, and the argv and environment of a process type.

It starts nothing but the image's own exec.d programs, which say more environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openfunction_builder import archive, images, interpreter, variables

BASE = "org.openfunction.image.base"
ABI = "org.openfunction.python.abi"
FRAMEWORK = "org.openfunction.framework"
PROCESSES = "io.buildpacks.build.metadata"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as an image says it


class LaunchError(Exception):
    """An image that cannot be run here; `reason` is ImageNotRunnable or InterpreterMissing."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Process:
    """What to start: arguments, environment beside the caller's, working folder."""

    argv: list[str]
    env: dict[str, str]
    cwd: Path


@dataclass(frozen=True, slots=True)
class Image:
    """An unpacked image: its folder with layers and workspace, and its labels."""

    digest: str
    root: Path
    labels: Mapping[str, str]

    @property
    def python_abi(self) -> str:
        """The ABI that its compiled modules need."""
        return self.labels.get(ABI, "")

    @property
    def framework(self) -> bool:
        """True when it runs our functions framework."""
        return FRAMEWORK in self.labels

    def process(self, name: str = "web") -> Process:
        """The process of a type.

        Raises:
            LaunchError: no such type, or an exec.d program failed.
        """
        known = json.loads(self.labels.get(PROCESSES, "{}")).get("processes", [])
        chosen = next((entry for entry in known if entry["type"] == name), None)
        if chosen is None:
            raise LaunchError(
                "ImageNotRunnable", f"the image has no process {name!r}; it has {[e['type'] for e in known]}"
            )
        env = self._environment(name)
        argv = [*chosen["command"], *chosen.get("args", [])]
        if argv[0] in ("python", "python3"):
            argv[0] = str(interpreter.base())
        return Process(argv, env, self.root / "workspace")

    def _environment(self, name: str) -> dict[str, str]:
        env: dict[str, str] = {
            "CNB_LAYERS_DIR": str(self.root / "layers"),
            "CNB_APP_DIR": str(self.root / "workspace"),
        }
        layers = sorted((self.root / "layers").glob("*/*"))
        if any((layer / "bin").is_dir() for layer in layers):
            env["PATH"] = PATH
        variables.add_layers(env, layers, variables.LAUNCH, "env", "env.launch", f"env.launch/{name}")
        for layer in layers:
            for program in (*_programs(layer / "exec.d"), *_programs(layer / "exec.d" / name)):
                env |= _run_exec_d(program, env, self.root / "workspace")
        return env


def _programs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _run_exec_d(program: Path, env: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Run an exec.d program; it writes TOML to descriptor 3."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec 3>"$1"; shift; exec "$@"', "sh", out.name, str(program)],
            env={"PATH": os.environ.get("PATH", os.defpath), **env}, cwd=cwd,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        written = out.read().decode()
    if done.returncode:
        raise LaunchError(
            "ImageNotRunnable", f"{program.name} of the image failed: {done.stderr.strip()[-300:]}"
        )
    return {str(key): str(value) for key, value in tomllib.loads(written).items()}


def unpack(layout: images.Layout, digest: str, *, layers_root: Path, images_root: Path) -> Image:
    """Unpack an image's layers, each once for all images, and put the image together from links.

    Raises:
        LaunchError: the image is not in the layout, is no image of ours, or is damaged.
    """
    try:
        manifest = layout.read_manifest(digest)
        config = layout.read_json(manifest["config"]["digest"])
        found = layout.resolve(digest) or digest
        labels: dict[str, str] = config.get("config", {}).get("Labels") or {}
        if labels.get(BASE) != "none":
            raise LaunchError(
                "ImageNotRunnable", f"{digest} was not built by these buildpacks; it needs a container engine"
            )
        root = images_root / found.removeprefix("sha256:")
        folders = [_layer(layout, entry["digest"], layers_root) for entry in manifest["layers"]]
        if not root.exists():
            _assemble(folders, root)
    except images.ImageError as error:
        raise LaunchError("ImageNotRunnable", str(error)) from error
    return Image(found, root, labels)


def _layer(layout: images.Layout, digest: str, layers_root: Path) -> Path:
    """The folder of an unpacked layer, unpacked when it is not there yet."""
    folder = layers_root / digest.removeprefix("sha256:")
    if folder.exists():
        return folder
    layers_root.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=layers_root, prefix=".part-"))
    try:
        with layout.open_blob(digest) as content:
            archive.extract(content, part)
        part.chmod(0o755)
        part.rename(folder)
    except archive.ArchiveError as error:
        raise images.ImageError(f"the layer {digest}: {error}") from error
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _assemble(folders: list[Path], root: Path) -> None:
    """Link /layers/<buildpack>/<layer> and /workspace of every layer into one folder; a later layer wins."""
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=root.parent, prefix=".part-"))
    try:
        for folder in folders:
            for found in (*folder.glob("layers/*/*"), *folder.glob("workspace")):
                _link(found, part / found.relative_to(folder), seen_from=root / found.relative_to(folder))
        part.chmod(0o755)
        part.rename(root)
    except OSError:
        if not root.exists():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _link(found: Path, link: Path, *, seen_from: Path) -> None:
    """Link to a folder of a layer; every user may pass through what is above the link, whatever the umask."""
    for missing in reversed([above for above in link.parents if not above.exists()]):
        missing.mkdir()
        missing.chmod(0o755)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(found, seen_from.parent))
