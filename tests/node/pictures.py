"""Function images for tests: what the buildpack would export, put together without a build.

They hold the framework and its libraries as layers do, so that an instance needs nothing of this checkout.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from collections.abc import Mapping
from importlib import util
from pathlib import Path

from openfunction_builder import archive, images

DEPENDENCIES = ("functions_framework", "httptools", "uvloop", "orjson")
EXEC_D = """#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
echo "PYTHONPATH = \\"$here/python:$CNB_APP_DIR\\"" >&3
"""


def add(
    layout: images.Layout, name: str, files: Mapping[str, str], *, target: str = "hello", abi: str = ""
) -> str:
    """Store an image that serves these files; returns its pinned name."""
    layers = [_dependencies(layout), _application(layout, files)]
    here = f"cp{sys.version_info.major}{sys.version_info.minor}-{sys.platform}-{platform.machine()}"
    processes = {
        "processes": [{"type": "web", "command": ["python", "-m", "functions_framework"], "args": []}]
    }
    labels = {
        "org.openfunction.image.base": "none",
        "org.openfunction.python.abi": abi or here,
        "org.openfunction.framework": "0.1.0",
        "io.buildpacks.build.metadata": json.dumps(processes),
    }
    settings = _layer(layout, {"layers/test/function/env.launch/FUNCTION_TARGET": target})
    config = {"config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []}}
    stored = layout.write_blob(json.dumps(config).encode(), images.CONFIG)
    manifest = {"schemaVersion": 2, "config": stored, "layers": [*layers, settings]}
    descriptor = layout.write_blob(json.dumps(manifest).encode(), images.MANIFEST)
    layout.tag(name, descriptor)
    return f"{name}@{descriptor['digest']}"


def _application(layout: images.Layout, files: Mapping[str, str]) -> images.Descriptor:
    return _layer(layout, {f"workspace/{name}": text for name, text in files.items()})


def _layer(layout: images.Layout, files: Mapping[str, str]) -> images.Descriptor:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        return layout.stream_blob(lambda out: archive.write_folder(out, Path(folder), at=""), images.LAYER)


def _dependencies(layout: images.Layout) -> images.Descriptor:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "layers" / "test" / "deps"
        (root / "exec.d").mkdir(parents=True)
        (root / "exec.d" / "paths").write_text(EXEC_D)
        (root / "exec.d" / "paths").chmod(0o755)
        (root / "python").mkdir()
        for package in DEPENDENCIES:
            _copy(package, root / "python")
        return layout.stream_blob(lambda out: archive.write_folder(out, Path(folder), at=""), images.LAYER)


def _copy(package: str, into: Path) -> None:
    found = util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent
    for path in source.rglob("*"):
        if path.suffix in {".py", ".so", ".pyi"} and "tests" not in path.parts:
            target = into / package / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
