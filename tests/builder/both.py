"""One source built by both lifecycles, and what of two builds can be compared.

What differs on purpose stands here, each with its reason; anything else that differs is a fault. The digests of layers
do, as upstream's archives name the user who built and absolute paths.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openfunction_builder import launch, package, plan, restore, workspace
from tests.builder.upstream import Cluster
from tests.builder.workshop import Workshop

ROOT = Path(__file__).parent.parent.parent
KEY = "openfunction_python"
HELLO = ROOT / "samples" / "hello-python"
# Our lifecycle keeps a cache for all images of a home, so the buildpack keeps none in a layer of the image's own.
LAYERS_OF_A_CLUSTER = {"downloads"}
# Ours says that the image has no base and so cannot be put on another; upstream's code does not write the second.
LABELS_OF_OURS = {launch.BASE, "io.buildpacks.rebasable"}
# Documents in which each exporter says more of itself; what they have in common is compared part by part.
LABELS_WITHIN = {launch.PROCESSES, restore.METADATA}
# Layers lie in another folder in every home, so a function may ask where; on a cluster they lie at /layers.
VARIABLES_OF_OURS = {"CNB_LAYERS_DIR", "CNB_APP_DIR"}
# The run image's own; of PATH what layers add to it is compared. On a laptop the node has values of its own for both.
OF_THE_RUN_IMAGE = {"PATH", "HOME"}
# In a build: where ours keeps its folders, and the stack, which only an image with a base has.
BUILD_VARIABLES_OF_OURS = {"TMPDIR", "CNB_STACK_ID", "OFN_BUILD_CACHE", "UV_CACHE_DIR"}


@dataclass(frozen=True)
class Sample:
    """A source, what the user sets for its build, and what it answers, as far as that is foreseen."""

    source: Path
    env: Mapping[str, str]
    answer: str


@dataclass(frozen=True)
class Pair:
    """One source built by both: the places, what upstream's lifecycle planned, and the steps of ours."""

    sample: Sample
    cluster: Cluster
    theirs: Path
    ours: launch.Image
    steps: list[plan.Step]
    group: list[tuple[str, str]]
    entries: list[Mapping[str, Any]]
    made: set[str]

    @property
    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        """The labels of our image and of theirs."""
        return dict(self.ours.labels), self.cluster.config()["Labels"]

    def label(self, name: str) -> tuple[Any, Any]:
        """A label that is a document, in our image and in theirs."""
        ours, theirs = self.labels
        return json.loads(ours[name]), json.loads(theirs[name])

    def started(self, *command: str, env: Mapping[str, str] | None = None) -> list[str]:
        """A command by upstream's launcher in the image that upstream's exporter made."""
        said = dict(one.split("=", 1) for one in self.cluster.config()["Env"])
        return self.cluster.command(*command, image=self.theirs, env={**said, **(env or {})})


def built(root: Path, cache: Path, sample: Sample, buildpacks: Path) -> Pair:
    """Build a source with both lifecycles."""
    cluster = Cluster.made(root / "cluster", buildpacks)
    cluster.given(sample.source, sample.env)
    cluster.build()
    ours, steps = _by_ours(Workshop(root / "shop", cache), sample, buildpacks)
    return Pair(
        sample, cluster, cluster.unpacked(), ours, steps,
        group=[(one["id"], one["version"]) for one in cluster.toml("group.toml")["group"]],
        entries=cluster.toml("plan.toml").get("entries", []),
        made={path.stem for path in (cluster.root / "layers" / KEY).glob("*.toml")} - {"launch"},
    )  # fmt: skip


def _by_ours(shop: Workshop, sample: Sample, buildpacks: Path) -> tuple[launch.Image, list[plan.Step]]:
    """The image of our lifecycle, unpacked, and its steps."""
    steps: list[plan.Step] = []
    real = workspace.write_plan

    def write_plan(work: workspace.Workspace, step: plan.Step) -> None:
        steps.append(step)
        real(work, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "buildpacks", lambda _: buildpacks)
        patch.setattr(workspace, "write_plan", write_plan)
        return shop.unpack(shop.built(sample.source, sample.env)), steps


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder: whether it can be run, and its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_file():
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            found[str(path.relative_to(folder))] = f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


def same_plan(pair: Pair) -> None:
    """Compare buildpacks, their order, and the entries that each has to meet."""
    assert [(step.buildpack.id, step.buildpack.version) for step in pair.steps] == pair.group
    assert [list(step.entries) for step in pair.steps] == [
        [
            required
            for entry in pair.entries
            if entry["providers"][0]["id"] == step.buildpack.id
            for required in entry["requires"]
        ]
        for step in pair.steps
    ]


def same_flags(pair: Pair) -> None:
    """Compare the layers of each buildpack by name, flags and metadata."""
    ours, theirs = (found["buildpacks"] for found in pair.label(restore.METADATA))
    assert [(one["key"], one["version"]) for one in ours] == [(one["key"], one["version"]) for one in theirs]
    assert _flags(ours) == _flags(theirs)


def _flags(buildpacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flags and metadata of each layer; upstream writes what is not set as well."""
    return [
        {
            name: (layer.get("data") or {}, *(bool(layer.get(flag)) for flag in ("build", "launch", "cache")))
            for name, layer in one["layers"].items()
        }
        for one in buildpacks
    ]


def same_environment(pair: Pair) -> dict[str, str]:
    """Compare what a process sees; the environment by ours, with layers at the paths of a cluster."""
    command = pair.started("/cnb/lifecycle/launcher", "--", "env", "-0")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    theirs = dict(one.split("=", 1) for one in done.stdout.split("\0") if one)
    ours = {name: value.replace(f"{pair.ours.root}/", "/") for name, value in pair.ours.process().env.items()}
    assert {name: ours[name] for name in ours.keys() - VARIABLES_OF_OURS - OF_THE_RUN_IMAGE} == {
        name: theirs[name] for name in theirs.keys() - OF_THE_RUN_IMAGE
    }
    assert _of_layers(ours.get("PATH", "")) == _of_layers(theirs["PATH"])
    return ours


def _of_layers(path: str) -> list[str]:
    """The folders of a search path that are a layer's."""
    return [folder for folder in path.split(":") if folder.startswith("/layers/")]
