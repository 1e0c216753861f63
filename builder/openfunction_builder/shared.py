"""Blobs of layers whose content a buildpack has named, so that an equal layer is packed once for all images.

Only an index: the blobs are the layout's, and what it lacks is packed again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from openfunction_builder import caches, images


def find(cache: Path, name: str, layout: images.Layout) -> images.Descriptor | None:
    """The blob of a layer with this content, when the layout has it."""
    path = _path(cache, name)
    try:
        found: images.Descriptor = json.loads(path.read_text())
        if layout.blob(found["digest"]).stat().st_size != found["size"]:
            return None
    except (FileNotFoundError, ValueError):
        return None
    caches.touch(path)
    return found if layout.use_blob(found["digest"]) else None


def keep(cache: Path, name: str, stored: images.Descriptor) -> None:
    """Remember the blob of a layer with this content."""
    path = _path(cache, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(stored))
    part.replace(path)


def _path(cache: Path, name: str) -> Path:
    return cache / "layers" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
