"""Sources of a function: packed from a folder into a bundle image, and fetched from git, a bundle or a folder.

It copies files; it does not look into them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openfunction_builder import archive, images, reasons, request

NEVER_PACKED = frozenset(
    {".git", "__pycache__", ".venv", "venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"}
)


def bundle(folder: Path, layout: images.Layout, name: str) -> str:
    """Pack a folder into a source bundle of a layout; the same files give the same digest.

    What .gitignore leaves out stays out, and so do version control and caches.
    """
    packed = _kept(folder)
    layer = layout.stream_blob(
        lambda out: archive.write_folder(out, folder, at="", keep=lambda entry: entry in packed), images.LAYER
    )
    config = {
        "architecture": "any",
        "os": "any",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "artifactType": "application/vnd.openfunction.source.v1",
        "config": layout.write_blob(_canonical(config), images.CONFIG),
        "layers": [layer],
    }
    stored = layout.write_blob(_canonical(manifest), images.MANIFEST)
    layout.tag(name, stored)
    return str(stored["digest"])


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _kept(folder: Path) -> frozenset[str]:
    """Paths to pack, folders included."""
    files = [name for name in _not_ignored(folder) if not NEVER_PACKED & set(Path(name).parts)]
    parents = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    return frozenset(files) | parents


def _not_ignored(folder: Path) -> list[str]:
    """Files below a folder that its .gitignore files do not exclude; git itself decides, with an empty repository."""
    if not any(folder.rglob(".gitignore")) or shutil.which("git") is None:
        return [
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if not path.is_dir() or path.is_symlink()
        ]
    with tempfile.TemporaryDirectory() as empty:
        environ = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": empty}
        subprocess.run(["git", "init", "-q", "--bare", empty], check=True, env=environ)
        listed = subprocess.run(
            ["git", f"--git-dir={empty}", f"--work-tree={folder}", "ls-files", "-z", "--others", "--exclude-standard"],
            check=True, capture_output=True, env=environ, cwd=folder,
        )  # fmt: skip
    return [name for name in listed.stdout.decode().split("\0") if name]


def fetch(asked: request.BuildRequest, layout: images.Layout, into: Path) -> Mapping[str, Any]:
    """Put the source into a new folder; what it was, for the result's `sources`.

    Raises:
        BuildError: SourceNotFound, with what was looked for.
    """
    whole = into.with_name(f"{into.name}-fetched")
    if asked.source.git_url:
        found: Mapping[str, Any] = _from_git(asked.source, whole)
    elif asked.source.bundle:
        found = _from_bundle(asked.source.bundle, layout, whole)
    else:
        found = _from_folder(Path(asked.source.folder), whole)
    chosen = (whole / asked.sub_path.strip("/")) if asked.sub_path else whole
    if not chosen.is_dir() or not chosen.resolve().is_relative_to(whole.resolve()):
        raise reasons.BuildError("SourceNotFound", f"the source has no folder {asked.sub_path!r}")
    chosen.rename(into)
    return found


def _from_git(source: request.Source, into: Path) -> Mapping[str, Any]:
    into.mkdir()
    git = ["git", "-C", str(into), "-c", "advice.detachedHead=false"]
    _git([*git, "init", "-q"])
    _git([*git, "remote", "add", "origin", source.git_url])
    revision = source.git_revision or "HEAD"
    try:
        _git([*git, "fetch", "-q", "--depth=1", "origin", revision])
        _git([*git, "checkout", "-q", "FETCH_HEAD"])
    except reasons.BuildError:
        # a commit that the server does not serve by its name needs the history it is in
        _git([*git, "fetch", "-q", "origin"])
        _git([*git, "checkout", "-q", revision])
    shown = _git([*git, "log", "-1", "--format=%H%n%an"]).splitlines()
    shutil.rmtree(into / ".git")
    return {
        "name": "default",
        "git": {"commitSha": shown[0], "commitAuthor": shown[1], "branchName": source.git_revision},
    }


def _git(command: list[str]) -> str:
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        raise reasons.BuildError("SourceNotFound", f"git could not get the source: {_decisive(done.stderr)}")
    return done.stdout


def _decisive(said: str) -> str:
    """The line in which git says what is wrong; what follows it is advice."""
    lines = [line for line in said.strip().splitlines() if line]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return (fatal or lines or ["it failed without a word"])[0]


def _from_bundle(name: str, layout: images.Layout, into: Path) -> Mapping[str, Any]:
    try:
        manifest = layout.read_manifest(name)
    except images.ImageError as error:
        raise reasons.BuildError(
            "SourceNotFound", f"the source bundle is missing: {error}; apply the folder again"
        ) from error
    into.mkdir()
    for layer in manifest["layers"]:
        with layout.blob(layer["digest"]).open("rb") as content:
            archive.extract(content, into)
    return {"name": "default", "bundle": {"digest": layout.resolve(name)}}


def _from_folder(folder: Path, into: Path) -> Mapping[str, Any]:
    if not folder.is_dir():
        raise reasons.BuildError("SourceNotFound", f"the source folder {folder.name!r} is not there")
    kept = _kept(folder)
    into.mkdir()
    for name in sorted(kept):
        source, target = folder / name, into / name
        if source.is_dir() and not source.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return {"name": "default"}
