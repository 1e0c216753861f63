"""What buildpacks find of the last build of the same image: metadata of its layers, and the bytes of cached ones.

It gives metadata and bytes of a cached layer together or not at all; a file it writes never has a `[types]` table.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openfunction_builder import archive, images, toml
from openfunction_builder.buildpacks import Buildpack
from openfunction_builder.workspace import Workspace

METADATA = "io.buildpacks.lifecycle.metadata"


def previous(layout: images.Layout, image: str) -> Mapping[str, Any]:
    """The lifecycle's metadata of the image that bears the name now; empty when there is none."""
    digest = layout.resolve(image)
    if digest is None:
        return {}
    try:
        config = layout.read_json(layout.read_manifest(digest)["config"]["digest"])
        labels = config.get("config", {}).get("Labels") or {}
        found: Mapping[str, Any] = json.loads(labels.get(METADATA, "{}"))
    except (images.ImageError, KeyError, ValueError):
        return {}  # an image of another maker under this name tells nothing about layers
    return found


def layers_of(metadata: Mapping[str, Any], buildpack: Buildpack) -> Mapping[str, Mapping[str, Any]]:
    """The layers that a buildpack contributed to an image."""
    entries = metadata.get("buildpacks", [])
    return next((entry.get("layers", {}) for entry in entries if entry.get("key") == buildpack.id), {})


def restore(work: Workspace, image: str, chosen: Iterable[Buildpack], before: Mapping[str, Any]) -> None:
    """Lay out what the buildpacks may use again."""
    for buildpack in chosen:
        target = work.layers / buildpack.key
        target.mkdir(parents=True, exist_ok=True)
        for name, layer in layers_of(before, buildpack).items():
            if layer.get("launch") and not layer.get("cache") and not layer.get("build"):
                (target / f"{name}.toml").write_text(toml.dump({"metadata": layer.get("data") or {}}))
        for kept in _folder(work.cache, image, buildpack).glob("*.toml"):
            _restore_cached(kept, target)


def _restore_cached(kept: Path, target: Path) -> None:
    content = kept.with_suffix(".tar")
    about = tomllib.loads(kept.read_text())
    with content.open("rb") as source:
        digest = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
        if digest != about.get("sha"):
            return
        source.seek(0)
        archive.extract(source, target / kept.stem)
    (target / kept.name).write_text(toml.dump({"metadata": about.get("metadata", {})}))


def keep(
    work: Workspace, image: str, buildpack: Buildpack, layers: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    """Remember the cached layers of a build, and nothing of the build before it."""
    folder = _folder(work.cache, image, buildpack)
    shutil.rmtree(folder, ignore_errors=True)
    for name, (content, metadata) in layers.items():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.tar").open("wb") as file:
            out = archive.Digesting(file)
            archive.write_folder(out, content, at="")
        (folder / f"{name}.toml").write_text(toml.dump({"sha": out.digest, "metadata": metadata}))


def _folder(cache: Path, image: str, buildpack: Buildpack) -> Path:
    return cache / "restore" / hashlib.sha256(image.encode()).hexdigest()[:24] / buildpack.key
