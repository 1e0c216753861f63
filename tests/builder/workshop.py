"""A place to build in: a layout, a cache, sources written from texts, and the programs that tests need.

Builds are real: uv resolves and installs, git fetches, skopeo reads.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openfunction_builder import images, launch, lifecycle, request, result
from tests import require

HELLO = "def hello(request):\n    return 'hello'\n"
NO_NETWORK = ("unshare", "--net", "--map-root-user")
PACKAGES = {"skopeo": "skopeo", "git": "git", "unshare": "util-linux", "mount": "mount"}


def need(program: str) -> str:
    """The path of a program; a test that lacks one is skipped, or fails where everything is required."""
    found = shutil.which(program)
    if found is None:
        require.missing(
            f"{program} is missing; install it with: apt-get install {PACKAGES.get(program, program)}"
        )
    return found


def need_to_work(*command: str) -> None:
    """A test that this machine does not let run is skipped."""
    need(command[0])
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        require.missing(f"this machine does not allow `{' '.join(command)}`; run the suite as root on Linux")


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as nobody in particular."""
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Workshop:
    """A layout and a cache below one folder."""

    root: Path
    cache: Path = field(default=Path())

    @property
    def layout(self) -> images.Layout:
        """The layout that builds write to."""
        return images.Layout(self.root / "images")

    def asked(
        self,
        source: request.Source,
        env: Mapping[str, str] | None = None,
        *,
        image: str = "shop/hello:v1",
        sub_path: str = "",
        timeout: float = 0,
    ) -> request.BuildRequest:
        """A request for this workshop."""
        return request.BuildRequest(
            image=image,
            source=source,
            sub_path=sub_path,
            env={"FUNC_NAME": "hello"} if env is None else env,
            layout=str(self.root / "images"),
            cache=str(self.cache),
            timeout_seconds=timeout,
        )

    def build(
        self, folder: Path, env: Mapping[str, str] | None = None, *, image: str = "shop/hello:v1"
    ) -> result.BuildResult:
        """Build a folder in this process."""
        return lifecycle.build(self.asked(request.Source(folder=str(folder)), env, image=image))

    def built(self, folder: Path, env: Mapping[str, str] | None = None) -> str:
        """The digest of a folder that must build."""
        found = self.build(folder, env)
        assert found.digest, f"{found.reason}: {found.message}"
        return found.digest

    def unpack(self, digest: str) -> launch.Image:
        """An image, unpacked as the node does it."""
        return launch.unpack(
            self.layout, digest, layers_root=self.root / "layers", images_root=self.root / "unpacked"
        )

    def layers(self, digest: str) -> list[str]:
        """The digests of an image's layers."""
        return [entry["digest"] for entry in self.layout.read_manifest(digest)["layers"]]


@dataclass(frozen=True)
class Ended:
    """How the builder's program ended: code, log and result."""

    code: int
    log: str
    result: result.BuildResult


def run(asked: request.BuildRequest, work: Path, *, before: tuple[str, ...] = (), **environ: str) -> Ended:
    """Run the builder as a pod does, in a process of its own."""
    process = start(asked, work, before=before, **environ)
    log, _ = process.communicate(timeout=100)
    told = (work / "told.json").read_text() if (work / "told.json").exists() else "{}"
    return Ended(process.returncode, log, result.BuildResult.from_json(told))


def start(
    asked: request.BuildRequest, work: Path, *, before: tuple[str, ...] = (), **environ: str
) -> subprocess.Popen[str]:
    """Start the builder's program; `before` is a program that starts it in its turn."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "request.json").write_text(asked.to_json())
    return subprocess.Popen(
        [*before, sys.executable, "-m", "openfunction_builder.cli", "build", "--request", str(work / "request.json")],
        env={**os.environ, "OFN_TERMINATION_LOG": str(work / "told.json"), **environ},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def answer(image: launch.Image, code: str) -> str:
    """What a piece of Python says in the image's environment, with the function's module loadable."""
    process = image.process()
    done = subprocess.run(
        [*process.argv[: process.argv.index("-m")], "-c", code],
        env=process.env, cwd=process.cwd, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def index(layout: images.Layout) -> list[dict[str, object]]:
    """The entries of a layout's index."""
    found: list[dict[str, object]] = json.loads((layout.path / "index.json").read_text())["manifests"]
    return found
