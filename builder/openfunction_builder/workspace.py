"""The folders of one build and the environment that buildpacks see in them.

Nothing of the user's reaches a buildpack but through files, as it is on a cluster; a build that works here must work
there.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openfunction_builder import caches, interpreter, plan, reasons, request, toml, variables
from openfunction_builder.buildpacks import Buildpack

# lifecycle/env/build.go; OFN_INSTANCE is the node's mark, by which it ends what a build left running.
PASSED_ON = (
    "HOME", "HOSTNAME", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH", "OFN_INSTANCE",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
# What this machine's administrator set for package registries; it stands in the platform's files, below the user's.
OF_THE_MACHINE = ("UV_", "PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
NEVER_OF_THE_MACHINE = (
    "UV_PYTHON",
    "UV_PROJECT",
    "UV_TARGET",
    "UV_SYSTEM",
    "UV_TOOL",
    "UV_RUN",
    "PIP_TARGET",
    "UV_CACHE",
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Workspace:
    """Folders of one build, below a folder of its own, and the folder that outlives it."""

    root: Path
    cache: Path

    @property
    def app(self) -> Path:
        """The source, which becomes the app."""
        return self.root / "workspace"

    @property
    def platform(self) -> Path:
        """What the platform tells buildpacks."""
        return self.root / "platform"

    @property
    def temporary(self) -> Path:
        """Temporary files, which go when the build is over, however it ends."""
        return self.root / "tmp"

    @property
    def layers(self) -> Path:
        """Layers of all buildpacks."""
        return self.root / "layers"


@contextlib.contextmanager
def opened(cache: Path) -> Iterator[Workspace]:
    """New folders for a build, beside the cached layers, so that files are linked instead of copied."""
    with caches.used(cache):
        (cache / caches.WORK).mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=cache / caches.WORK)).resolve()
        try:
            yield Workspace(root, cache.resolve())
        finally:
            shutil.rmtree(root, ignore_errors=True)


def write_platform(work: Workspace, asked: request.BuildRequest, environ: Mapping[str, str]) -> None:
    """Everything of the user and of this platform as files, one per variable.

    Raises:
        BuildError: BuildFailed, a name or value that no variable can have.
    """
    env = work.platform / "env"
    env.mkdir(parents=True)
    work.temporary.mkdir()
    machine = {
        name: value
        for name, value in environ.items()
        if name.startswith(OF_THE_MACHINE) and not name.startswith(NEVER_OF_THE_MACHINE)
    }
    ours = {"UV_CACHE_DIR": str(work.cache / "uv"), "OFN_BUILD_CACHE": str(work.cache)}
    for name, value in {**machine, **asked.env, **ours}.items():
        if not name.strip(".") or {"/", "=", "\0"} & set(name) or "\0" in value:
            raise reasons.BuildError("BuildFailed", f"env: {name!r} is no name and value of a variable")
        (env / name).write_bytes(os.fsencode(value))


def environment(
    work: Workspace,
    buildpack: Buildpack,
    environ: Mapping[str, str],
    phase: str,
    *,
    made: Sequence[Sequence[Path]] = (),
) -> dict[str, str]:
    """What a buildpack's program of a phase (detect or build) sees: what upstream's lifecycle passes, and no more.

    `made` are the build layers of each buildpack before it.
    """
    env = {name: environ[name] for name in PASSED_ON if name in environ}
    env["PATH"] = os.pathsep.join(
        [str(interpreter.base().parent), str(_tools()), "/usr/local/bin", "/usr/bin", "/bin"]
    )
    for layers in made:
        variables.add_layers(env, layers, variables.BUILD, "env", "env.build")
    if not buildpack.clear_env:
        variables.add_platform(env, work.platform / "env")
    machine = platform.machine()
    return {
        **env,
        **_distribution(),
        "TMPDIR": str(work.temporary),
        "CNB_STACK_ID": "org.openfunction.base-less",
        "CNB_BUILDPACK_DIR": str(buildpack.folder),
        "CNB_PLATFORM_DIR": str(work.platform),
        "CNB_TARGET_OS": sys.platform,
        "CNB_TARGET_ARCH": ARCHITECTURES.get(machine, machine),
        **_places(work, buildpack, phase),
    }


def _places(work: Workspace, buildpack: Buildpack, phase: str) -> dict[str, str]:
    """Where a program of a phase writes, and reads what was planned."""
    plans = work.root / "plans"
    if phase == "detect":
        return {"CNB_BUILD_PLAN_PATH": str(plans / f"{buildpack.key}.detected.toml")}
    return {
        "CNB_LAYERS_DIR": str(work.layers / buildpack.key),
        "CNB_BP_PLAN_PATH": str(plans / f"{buildpack.key}.toml"),
    }


def _distribution() -> dict[str, str]:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return {}
    return {
        "CNB_TARGET_DISTRO_NAME": found.get("ID", ""),
        "CNB_TARGET_DISTRO_VERSION": found.get("VERSION_ID", ""),
    }


def _tools() -> Path:
    """The folder of the uv program that came with this distribution."""
    import uv  # noqa: PLC0415 - only builds need it

    return Path(uv.find_uv_bin()).parent


def write_plan(work: Workspace, step: plan.Step) -> None:
    """Tell a buildpack which entries of the build plan are its own."""
    path = work.root / "plans" / f"{step.buildpack.key}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(toml.dump({"entries": list(step.entries)} if step.entries else {}))
