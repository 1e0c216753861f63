"""Sources of a function: packed from a folder into a bundle image, and fetched from git, a bundle or a folder.

It copies files; it does not look into them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openfunction_builder import archive, git, images, reasons, request

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
    layout.tag(name, stored, for_objects=True)
    return str(stored["digest"])


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _kept(folder: Path) -> frozenset[str]:
    """Paths to pack, folders included."""
    files = [name for name in _not_ignored(folder) if not NEVER_PACKED & set(Path(name).parts)]
    parents = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    return frozenset(files) | parents


def _not_ignored(folder: Path) -> list[str]:
    """Files and links below a folder that .gitignore files do not exclude."""
    if any(folder.rglob(".gitignore")) or any((above / ".gitignore").exists() for above in _above(folder)):
        return git.not_ignored(folder)
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    ]


def _above(folder: Path) -> list[Path]:
    """The folders between a folder and the top of the repository it is in."""
    parents = folder.resolve().parents
    top = next((place for place, above in enumerate(parents) if (above / ".git").exists()), None)
    inside = top is not None and not (folder / ".git").exists()
    return list(parents[: top + 1]) if inside and top is not None else []


def fetch(asked: request.BuildRequest, layout: images.Layout, into: Path) -> Mapping[str, Any]:
    """Put the source into a new folder; what it was, for the result's `sources`.

    Raises:
        BuildError: SourceNotFound, with what was looked for.
    """
    whole = into.with_name(f"{into.name}-fetched")
    if asked.source.git_url:
        found: Mapping[str, Any] = git.get(asked.source, whole)
    elif asked.source.bundle:
        found = _from_bundle(asked.source.bundle, layout, whole)
    else:
        found = _from_folder(Path(asked.source.folder), whole)
    chosen = (whole / asked.sub_path.strip("/")).resolve()
    if not chosen.is_dir() or not chosen.is_relative_to(whole.resolve()):
        raise reasons.BuildError("SourceNotFound", f"the source has no folder {asked.sub_path!r}")
    chosen.rename(into)
    return found


def _from_bundle(name: str, layout: images.Layout, into: Path) -> Mapping[str, Any]:
    into.mkdir()
    try:
        manifest = layout.read_manifest(name)
        for layer in manifest["layers"]:
            with layout.open_blob(layer["digest"]) as content:
                archive.extract(content, into)
    except (images.ImageError, archive.ArchiveError) as error:
        raise reasons.BuildError(
            "SourceNotFound", f"the source bundle is missing: {error}; apply the folder again"
        ) from error
    return {"name": "default", "bundle": {"digest": layout.resolve(name)}}


def _from_folder(folder: Path, into: Path) -> Mapping[str, Any]:
    if not folder.is_dir():
        raise reasons.BuildError("SourceNotFound", f"the source folder {folder.name!r} is not there")
    into.mkdir()
    for name in sorted(_kept(folder)):
        _copy(folder, into, name)
    return {"name": "default"}


def _copy(folder: Path, into: Path, name: str) -> None:
    """Copy a file or folder; a link stays one if it leads to a place within the folder, else its file is copied."""
    source, target = folder / name, into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink() and _stays_inside(source, folder):
        target.symlink_to(source.readlink())
    elif source.is_file():
        shutil.copy2(source, target)
    elif source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
    elif source.is_dir():
        raise reasons.BuildError(
            "SourceNotFound", f"{name} is a link to a folder outside the source; put the folder itself there"
        )


def _stays_inside(link: Path, folder: Path) -> bool:
    return not link.readlink().is_absolute() and link.resolve().is_relative_to(folder.resolve())
