"""A place where upstream's lifecycle runs as on a cluster: the paths of the specification, user `cnb`, an OCI layout.

Layer paths are absolute, so each run has a root of its own in a mount namespace: this machine's system folders, the
interpreter, uv, and `/layers`, `/workspace`, `/platform` and `/cnb` from a folder of the test. Nothing else of this
machine is seen, and nothing is left on it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from openfunction_builder import archive, images, interpreter, workspace
from tests import require

USER = 1001
RUN_IMAGE = "shop.example/run:v1"
IMAGE = "shop.example/hello:v1"
PATH = "/tools:/usr/local/bin:/usr/bin:/bin"
PLACES = ("layers", "workspace", "platform", "cnb", "oci", "cache", "tmp", "home")
PHASES = (
    ("analyzer", IMAGE),
    ("detector",),
    ("restorer",),
    ("builder",),
    ("exporter", IMAGE),
)
# The user of a process is not the one who built, as the specification wants it of a run image.
RUNNER = 65532
# What the shell of the namespace is given: folder of the test, user, lifecycle, interpreter, its prefix, uv, a command.
ENTER = r"""
set -eu
place=$1 user=$2 lifecycle=$3 python=$4 prefix=$5 uv=$6; shift 6
root=$place/root
folder() { mkdir -p "$root$2"; mount --rbind "$1" "$root$2"; }
mount -t tmpfs -o mode=755 none "$root"
for name in /bin /sbin /lib /lib32 /lib64 /libx32; do
  if [ -L $name ]; then cp -P $name "$root$name"; elif [ -d $name ]; then folder $name $name; fi
done
for name in /usr /etc /dev /proc /sys /run; do folder $name $name; done
for name in layers workspace platform cnb oci cache tmp home; do folder "$place/$name" "/$name"; done
[ -z "$lifecycle" ] || folder "$lifecycle" /cnb/lifecycle
case $prefix/ in /usr/*) ;; *) folder "$prefix" "$prefix" ;; esac
mount --bind "$place/passwd" "$root/etc/passwd"
mkdir "$root/tools"
ln -s "$python" "$root/tools/python3"
touch "$root/tools/uv"
mount --bind "$uv" "$root/tools/uv"
exec chroot --userspec="$user:$user" --groups= "$root" /usr/bin/env -i "$@"
"""


def lifecycle() -> Path:
    """The folder of upstream's programs; a test that has none is skipped, or fails where everything is required."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = Path(os.environ.get("OFN_TOOLS") or cache / "openfunction" / "tools") / "lifecycle"
    if not (found / "creator").exists():
        require.missing("upstream's lifecycle is not built; run tools/lifecycle/build.sh")
    return found


@dataclass(frozen=True)
class Cluster:
    """The folders of one image's builds."""

    root: Path
    programs: Path

    @classmethod
    def made(cls, root: Path, buildpacks: Path) -> Cluster:
        """Lay out buildpacks and an empty run image."""
        for name in (*PLACES, "root", "cnb/lifecycle", "platform/env", "home/cnb"):
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        passwd = Path("/etc/passwd").read_text()
        (root / "passwd").write_text(f"{passwd}cnb:x:{USER}:{USER}::/home/cnb:/bin/sh\n")
        for folder in buildpacks.iterdir():
            if folder.is_dir():
                about = tomllib.loads((folder / "buildpack.toml").read_text())["buildpack"]
                target = root / "cnb" / "buildpacks" / about["id"].replace("/", "_") / about["version"]
                shutil.copytree(folder, target)
        shutil.copy(buildpacks / "order.toml", root / "cnb" / "order.toml")
        _run_image(root / "oci" / "shop.example" / "run" / "v1")
        return cls(root, lifecycle())

    def given(self, source: Path, env: Mapping[str, str]) -> None:
        """Put a source and the user's variables where the platform does."""
        for name in ("workspace", "layers", "platform/env"):
            shutil.rmtree(self.root / name)
            (self.root / name).mkdir()
        shutil.copytree(
            source, self.root / "workspace", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        for name, value in {**_of_machine(), **env}.items():
            (self.root / "platform" / "env" / name).write_text(value)
        subprocess.run(
            ["chown", "-R", f"{USER}:{USER}", *(str(self.root / name) for name in PLACES if name != "cnb")],
            check=True,
        )

    def command(
        self, *command: str, env: Mapping[str, str], image: Path | None = None, alone: bool = False
    ) -> list[str]:
        """The command that enters the root, without a network if it is to be alone.

        With `image`, the folder of an unpacked image, that image is the root's content.
        """
        env = {"PATH": PATH, "HOME": "/home/cnb", **env}
        place, user, programs = (image, RUNNER, "") if image else (self.root, USER, self.programs)
        return [
            "unshare", "--mount", *(["--net"] if alone else []), "sh", "-c", ENTER, "sh",
            str(place), str(user), str(programs), str(interpreter.base()), sys.base_prefix, uv.find_uv_bin(),
            *(f"{name}={value}" for name, value in env.items()), *command,
        ]  # fmt: skip

    def phase(self, *command: str, alone: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a phase of the lifecycle as user cnb; code and log."""
        env = {
            "CNB_PLATFORM_API": "0.14", "CNB_USE_LAYOUT": "true", "CNB_LAYOUT_DIR": "/oci",
            "CNB_EXPERIMENTAL_MODE": "quiet", "CNB_USER_ID": str(USER), "CNB_GROUP_ID": str(USER),
            "CNB_RUN_IMAGE": RUN_IMAGE, "CNB_CACHE_DIR": "/cache", "CNB_NO_COLOR": "true", **_proxies(),
        }  # fmt: skip
        entered = self.command(f"/cnb/lifecycle/{command[0]}", *command[1:], env=env, alone=alone)
        return subprocess.run(
            entered, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=300, check=False,
        )  # fmt: skip

    def build(self) -> str:
        """Run the phases of a build, one after the other, which must all end well; their log."""
        logs = []
        for command in PHASES:
            done = self.phase(*command)
            assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}"
            logs.append(done.stdout)
        return "".join(logs)

    def toml(self, name: str) -> dict[str, Any]:
        """A file that a phase left among the layers."""
        return tomllib.loads((self.root / "layers" / name).read_text())

    @property
    def image(self) -> images.Layout:
        """The layout of the image that was exported."""
        return images.Layout(self.root / "oci" / "shop.example" / "hello" / "v1")

    def unpacked(self) -> Path:
        """The exported image's own layers, unpacked one over the other as a container engine does it."""
        target = self.root / "image"
        for name in (*PLACES, "root"):
            (target / name).mkdir(parents=True)
        (target / "tmp").chmod(0o1777)
        shutil.copy(self.root / "passwd", target / "passwd")
        for entry in self.manifest()["layers"]:
            with self.image.blob(entry["digest"]).open("rb") as layer:
                archive.extract(layer, target)
        return target

    def manifest(self) -> dict[str, Any]:
        """The manifest of the exported image."""
        index = json.loads((self.image.path / "index.json").read_text())
        return self.image.read_json(index["manifests"][0]["digest"])

    def config(self) -> dict[str, Any]:
        """What the exported image says to a container engine."""
        found: dict[str, Any] = self.image.read_json(self.manifest()["config"]["digest"])["config"]
        return found


def _run_image(place: Path) -> None:
    """A run image with a layer that holds next to nothing."""
    layout = images.Layout(place)
    (place / "base" / "etc").mkdir(parents=True)
    (place / "base" / "etc" / "run-image").write_text("of a test\n")
    layer = layout.stream_blob(lambda out: archive.write_folder(out, place / "base", at=""), images.LAYER)
    shutil.rmtree(place / "base")
    config = {
        "architecture": workspace.ARCHITECTURES[os.uname().machine],
        "os": "linux",
        "config": {"User": f"{USER}:{USER}", "Env": [f"PATH={PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created_by": "a test"}],
    }
    about = layout.write_blob(json.dumps(config).encode(), images.CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": images.MANIFEST, "config": about, "layers": [layer]}
    layout.tag("latest", layout.write_blob(json.dumps(manifest).encode(), images.MANIFEST))


def _of_machine() -> dict[str, str]:
    """Settings for package registries, which a cluster's administrator gives as our lifecycle does."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(workspace.OF_THE_MACHINE) and not name.startswith(workspace.NEVER_OF_THE_MACHINE)
    }


def _proxies() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    }
