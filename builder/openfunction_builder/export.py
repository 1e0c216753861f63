"""Export: layers and app of a build become an image without a base, in a layout.

The same layers and app give the same digest; nothing of the building machine may be in it.
"""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfunction_builder import (
    archive,
    footprint,
    images,
    interpreter,
    launch,
    reasons,
    restore,
    shared,
    toml,
)
from openfunction_builder.buildpacks import Buildpack
from openfunction_builder.workspace import ARCHITECTURES, Workspace

CREATED = "1980-01-01T00:00:01Z"
PLATFORM_API = "0.14"
ENV = (
    "CNB_LAYERS_DIR=/layers",
    "CNB_APP_DIR=/workspace",
    f"CNB_PLATFORM_API={PLATFORM_API}",
    "CNB_DEPRECATION_MODE=quiet",
    f"PATH=/cnb/process:/cnb/lifecycle:{launch.PATH}",
)


@dataclass(frozen=True, slots=True)
class Exported:
    """An image: digest, bytes, digest of the lock it was built from, and process types."""

    digest: str
    size: int
    lock: str
    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a buildpack: name, folder and what its toml says; the folder may be that of an earlier build."""

    name: str
    folder: Path
    types: Mapping[str, bool]
    metadata: Mapping[str, Any]


@dataclass(slots=True)
class Contents:
    """What an image is put together from, in its order."""

    descriptors: list[images.Descriptor] = field(default_factory=list)
    buildpacks: list[dict[str, Any]] = field(default_factory=list)
    processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    lock: str = ""


def image(
    name: str,
    work: Workspace,
    chosen: Sequence[Buildpack],
    *,
    before: Mapping[str, Any],
    layout: images.Layout,
) -> Exported:
    """Write the image and give it the name.

    Raises:
        BuildError: ExportFailed, when a launch layer holds a path of this machine or is missing.
    """
    found = Contents()
    for buildpack in chosen:
        _contribute(found, buildpack, work, before, layout)
        cached = {
            layer.name: (layer.folder, layer.metadata)
            for layer in read_layers(work.layers / buildpack.key)
            if layer.types.get("cache")
        }
        restore.keep(work, name, buildpack, cached)
    footprint.refuse(work.app, [str(work.root)], of="the app")
    workspace = layout.stream_blob(
        lambda out: archive.write_folder(out, work.app, at="workspace"), images.LAYER
    )
    found.descriptors += [workspace, _config_layer(found, work, layout)]
    manifest = _manifest(layout, found.descriptors, _labels(found, workspace))
    layout.tag(name, manifest, for_objects=True)
    size = sum(int(entry["size"]) for entry in found.descriptors)
    return Exported(str(manifest["digest"]), size, found.lock, tuple(found.processes))


def _contribute(
    found: Contents, buildpack: Buildpack, work: Workspace, before: Mapping[str, Any], layout: images.Layout
) -> None:
    folder = work.layers / buildpack.key
    described: dict[str, Any] = {}
    for layer in read_layers(folder):
        if not layer.types.get("launch"):
            continue
        stored = _launch_layer(layer, buildpack, work, before=before, layout=layout)
        found.descriptors.append(stored)
        described[layer.name] = {"sha": stored["digest"], "data": layer.metadata, **layer.types}
        found.lock = found.lock or str(layer.metadata.get("lock", ""))
    launch_toml = _toml(folder / "launch.toml")
    for entry in launch_toml.get("processes", []):
        found.processes[entry["type"]] = {
            "type": entry["type"],
            "command": entry["command"],
            "args": entry.get("args", []),
            "default": entry.get("default", False),
            "working-dir": entry.get("working-dir", ""),
            "buildpackID": buildpack.id,
        }
    found.labels |= {entry["key"]: entry["value"] for entry in launch_toml.get("labels", [])}
    found.buildpacks.append({"key": buildpack.id, "version": buildpack.version, "layers": described})


def _launch_layer(
    layer: Layer, buildpack: Buildpack, work: Workspace, *, before: Mapping[str, Any], layout: images.Layout
) -> images.Descriptor:
    """The blob of a layer: made from its folder, or the one of the image before or of an equal build."""
    if not layer.folder.is_dir():
        return _again(layer, buildpack, before, layout)
    content = str(layer.metadata.get("content", ""))
    known = shared.find(work.cache, f"{buildpack.id}/{layer.name}/{content}", layout) if content else None
    if known:
        return known
    footprint.refuse(layer.folder, footprint.of(work), of=f"the layer {layer.name}")
    at = f"layers/{buildpack.key}/{layer.name}"
    stored = layout.stream_blob(lambda out: archive.write_folder(out, layer.folder, at=at), images.LAYER)
    if content:
        shared.keep(work.cache, f"{buildpack.id}/{layer.name}/{content}", stored)
    return stored


def _again(
    layer: Layer, buildpack: Buildpack, before: Mapping[str, Any], layout: images.Layout
) -> images.Descriptor:
    digest = str(restore.layers_of(before, buildpack).get(layer.name, {}).get("sha", ""))
    if layer.types.get("cache") or not digest or not layout.use_blob(digest):
        raise reasons.BuildError(
            "ExportFailed",
            f"{buildpack.id} made no folder for its launch layer {layer.name}, and no earlier image has it",
        )
    return {"mediaType": images.LAYER, "digest": digest, "size": layout.blob(digest).stat().st_size}


def read_layers(folder: Path) -> list[Layer]:
    """The layers of a buildpack, in the order of their names; one without types is set aside.

    Raises:
        BuildError: BuildFailed, flags stand outside `[types]`.
    """
    found = []
    for path in sorted(folder.glob("*.toml")):
        if path.name in ("launch.toml", "build.toml", "store.toml"):
            continue
        values = _toml(path)
        if {"launch", "build", "cache"} & set(values):
            raise reasons.BuildError("BuildFailed", f"{path.name} has its flags outside of [types]")
        layer = Layer(path.stem, folder / path.stem, values.get("types", {}), values.get("metadata", {}))
        if any(layer.types.values()):
            found.append(layer)
        elif layer.folder.is_dir():
            layer.folder.rename(folder / f"{layer.name}.ignore")
    return found


def build_layers(folder: Path) -> list[Path]:
    """The folders of a buildpack's layers that later buildpacks build with."""
    return [
        layer.folder for layer in read_layers(folder) if layer.types.get("build") and layer.folder.is_dir()
    ]


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.exists() else {}


def _config_layer(found: Contents, work: Workspace, layout: images.Layout) -> images.Descriptor:
    """/layers/config/metadata.toml, which the launcher of a cluster's image reads."""
    folder = work.root / "config"
    folder.mkdir()
    about = [{"id": entry["key"], "version": entry["version"]} for entry in found.buildpacks]
    document = {"processes": list(found.processes.values()), "buildpacks": about}
    (folder / "metadata.toml").write_text(toml.dump(document))
    return layout.stream_blob(lambda out: archive.write_folder(out, folder, at="layers/config"), images.LAYER)


def _labels(found: Contents, workspace: images.Descriptor) -> dict[str, str]:
    about = [{"id": entry["key"], "version": entry["version"]} for entry in found.buildpacks]
    lifecycle = {
        "app": [{"sha": workspace["digest"]}],
        "buildpacks": found.buildpacks,
        "config": {"sha": found.descriptors[-1]["digest"]},
    }
    return {
        **found.labels,
        launch.PROCESSES: _text({"processes": list(found.processes.values()), "buildpacks": about}),
        restore.METADATA: _text(lifecycle),
        "io.buildpacks.project.metadata": "{}",
        "io.buildpacks.rebasable": "false",
        launch.BASE: "none",
        launch.ABI: interpreter.abi(),
    }


def _manifest(
    layout: images.Layout, descriptors: list[images.Descriptor], labels: Mapping[str, str]
) -> images.Descriptor:
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": CREATED,
        "config": {
            "Entrypoint": ["/cnb/process/web"],
            "Env": list(ENV),
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
