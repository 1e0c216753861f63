"""Export: layers and app of a build become an image without a base, in a layout.

The same layers and app give the same digest; nothing of the building machine may be in it.
"""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openfunction_builder import archive, images, interpreter, launch, reasons, request

CREATED = "1980-01-01T00:00:01Z"


@dataclass(frozen=True, slots=True)
class Exported:
    """An image: digest, bytes, digest of the lock it was built from, and process types."""

    digest: str
    size: int
    lock: str
    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a buildpack: name, folder and what its toml says."""

    name: str
    folder: Path
    types: Mapping[str, bool]
    metadata: Mapping[str, Any]


def image(
    asked: request.BuildRequest,
    layers: Path,
    app: Path,
    *,
    buildpack: Mapping[str, Any],
    layout: images.Layout,
) -> Exported:
    """Write the image and give it the request's name.

    Raises:
        BuildError: ExportFailed, when a launch layer holds a path of this machine.
    """
    key = str(buildpack["id"]).replace("/", "_")
    found = [layer for layer in read_layers(layers / key) if layer.types.get("launch")]
    for layer in found:
        _refuse_building_paths(layer.folder, str(layers.parent))
    stored = {layer.name: _store(layout, layer.folder, f"layers/{key}/{layer.name}") for layer in found}
    workspace = _store(layout, app, "workspace")
    launch_toml = _toml(layers / key / "launch.toml")
    labels = _labels(buildpack, found, stored, workspace, launch_toml)
    descriptors = [*stored.values(), workspace]
    manifest = _manifest(layout, descriptors, labels)
    layout.tag(asked.image, manifest)
    lock = next((str(layer.metadata["lock"]) for layer in found if "lock" in layer.metadata), "")
    size = sum(int(entry["size"]) for entry in descriptors)
    return Exported(
        str(manifest["digest"]), size, lock, tuple(e["type"] for e in launch_toml.get("processes", []))
    )


def read_layers(folder: Path) -> list[Layer]:
    """The layers of a buildpack, in the order of their names."""
    found = []
    for toml in sorted(folder.glob("*.toml")):
        if (folder / toml.stem).is_dir():
            values = _toml(toml)
            found.append(
                Layer(toml.stem, folder / toml.stem, values.get("types", {}), values.get("metadata", {}))
            )
    return found


def _store(layout: images.Layout, folder: Path, at: str) -> images.Descriptor:
    return layout.stream_blob(lambda out: archive.write_folder(out, folder, at=at), images.LAYER)


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.exists() else {}


def _refuse_building_paths(folder: Path, path: str) -> None:
    """An image that names the folder it was built in works on no other machine."""
    mark = path.encode()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and mark in file.read_bytes():
            name = file.relative_to(folder)
            raise reasons.BuildError(
                "ExportFailed", f"{name} of the layer {folder.name} names the folder it was built in"
            )


def _labels(
    buildpack: Mapping[str, Any],
    layers: list[Layer],
    stored: Mapping[str, images.Descriptor],
    workspace: images.Descriptor,
    launch_toml: Mapping[str, Any],
) -> dict[str, str]:
    processes = [
        {
            "type": e["type"],
            "command": e["command"],
            "args": e.get("args", []),
            "default": e.get("default", False),
        }
        for e in launch_toml.get("processes", [])
    ]
    described = {
        layer.name: {"sha": stored[layer.name]["digest"], "data": layer.metadata, **layer.types}
        for layer in layers
    }
    lifecycle = {
        "app": [{"sha": workspace["digest"]}],
        "buildpacks": [{"key": buildpack["id"], "version": buildpack["version"], "layers": described}],
    }
    own = {entry["key"]: entry["value"] for entry in launch_toml.get("labels", [])}
    return {
        "io.buildpacks.build.metadata": _text(
            {"processes": processes, "buildpacks": [{"id": buildpack["id"]}]}
        ),
        "io.buildpacks.lifecycle.metadata": _text(lifecycle),
        "io.buildpacks.project.metadata": "{}",
        "io.buildpacks.rebasable": "false",
        launch.BASE: "none",
        launch.ABI: interpreter.abi(),
        **own,
    }


def _manifest(
    layout: images.Layout, descriptors: list[images.Descriptor], labels: Mapping[str, str]
) -> images.Descriptor:
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": CREATED,
        "config": {
            "Entrypoint": ["/cnb/process/web"],
            "Env": ["CNB_LAYERS_DIR=/layers", "CNB_APP_DIR=/workspace", "CNB_DEPRECATION_MODE=quiet"],
            "Labels": dict(labels),
            "WorkingDir": "/workspace",
        },
        "rootfs": {"type": "layers", "diff_ids": [entry["digest"] for entry in descriptors]},
        "history": [{"created": CREATED, "created_by": "openfunction-builder"} for _ in descriptors],
    }
    stored = layout.write_blob(_text(config).encode(), images.CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": images.MANIFEST, "config": stored, "layers": descriptors}
    return layout.write_blob(_text(manifest).encode(), images.MANIFEST)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
