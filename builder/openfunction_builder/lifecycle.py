"""The lifecycle: source → detect → build → export, one value in and one value out.

It runs buildpacks as upstream's does, with a scrubbed environment; what a language needs is the buildpacks' matter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openfunction_builder import export, images, interpreter, package, reasons, request, result, sources

PASSED_ON = (
    "HOME",
    "HOSTNAME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
PLATFORM_OWN = (
    "PIP_CERT",
    "SSL_CERT_FILE",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "PIP_INDEX_URL",
    "UV_NATIVE_TLS",
)
KEPT_LINES = 400


@dataclass(frozen=True, slots=True)
class Workspace:
    """Folders of one build."""

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
    def layers(self) -> Path:
        """Layers of all buildpacks."""
        return self.root / "layers"


def build(asked: request.BuildRequest) -> result.BuildResult:
    """Build an image into the request's layout; the log goes to standard output.

    Every failure comes back as a result with a reason; nothing is left of a failed build but its log.
    """
    root = Path(tempfile.mkdtemp(prefix="ofn-build-"))
    try:
        return _build(asked, Workspace(root, Path(asked.cache)))
    except reasons.BuildError as error:
        _say(f"ERROR {error.reason}: {error.message}")
        return result.BuildResult(reason=error.reason, message=error.message)
    except package.PackageError as error:
        return result.BuildResult(reason="BuildFailed", message=str(error))
    except OSError as error:
        return result.BuildResult(
            reason="BuildFailed", message=f"the build ran into {error.strerror}: {error.filename}"
        )
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _build(asked: request.BuildRequest, work: Workspace) -> result.BuildResult:
    layout = images.Layout(Path(asked.layout))
    begun = time.monotonic()
    found = sources.fetch(asked, layout, work.app)
    _say(f"===> DETECTING  {asked.image}")
    _platform(asked, work)
    buildpack = _detect(work)
    _say(f"===> BUILDING  {buildpack.name}")
    _run(buildpack / "bin" / "build", work, buildpack, phase="build")
    _say("===> EXPORTING")
    exported = export.image(asked, work.layers, work.app, buildpack=_metadata(buildpack), layout=layout)
    _say(f"     {asked.image}@{exported.digest}")
    _say(f"===> DONE in {time.monotonic() - begun:.1f} s")
    return result.BuildResult(
        digest=exported.digest,
        size=exported.size,
        lock=exported.lock,
        sources=(found,),
        processes=exported.processes,
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _platform(asked: request.BuildRequest, work: Workspace) -> None:
    """Everything of the user and of this platform arrives as files, as it does on a cluster."""
    env = work.platform / "env"
    env.mkdir(parents=True)
    own = {name: os.environ[name] for name in PLATFORM_OWN if name in os.environ}
    own |= {"UV_CACHE_DIR": str(work.cache / "uv"), "OFN_BUILD_CACHE": str(work.cache)}
    for name, value in {**own, **asked.env}.items():
        (env / name).write_text(value)


def _detect(work: Workspace) -> Path:
    """The first buildpack that takes the source.

    Raises:
        BuildError: none does.
    """
    refused: list[str] = []
    for buildpack in sorted(path for path in package.buildpacks(work.cache).iterdir() if path.is_dir()):
        (work.layers / buildpack.name).mkdir(parents=True)
        code, lines = _call(buildpack / "bin" / "detect", work, buildpack)
        if code == 0:
            return buildpack
        refused += lines
        if code != 100:
            break
    raise reasons.of_output(refused) or reasons.BuildError(
        "BuilderUnsupported", "no buildpack takes this source"
    )


def _run(program: Path, work: Workspace, buildpack: Path, *, phase: str) -> None:
    code, lines = _call(program, work, buildpack)
    if code:
        last = "\n".join(lines[-5:])
        raise reasons.of_output(lines) or reasons.BuildError(
            "BuildFailed", f"{phase} ended with {code}: {last}"
        )


def _call(program: Path, work: Workspace, buildpack: Path) -> tuple[int, list[str]]:
    """Run a buildpack's program; its output passes through, the last lines are kept."""
    process = subprocess.Popen(
        _command(program),
        env=_environment(work, buildpack), cwd=work.app, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    lines: list[str] = []
    with process:
        for line in process.stdout or ():
            text = line.rstrip("\n").replace(f"{work.root}/", "/")
            _say(text)
            lines = [*lines[-KEPT_LINES:], text]
    return process.returncode, lines


def _command(program: Path) -> list[str]:
    """Python programs run under the interpreter that functions run with; others by their own first line."""
    python = program.read_bytes().startswith(b"#!/usr/bin/env python3")
    return [str(interpreter.base()), str(program)] if python else [str(program)]


def _environment(work: Workspace, buildpack: Path) -> Mapping[str, str]:
    """What upstream's lifecycle passes, and no more: the rest stands in files of the platform folder."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed,
        "PATH": os.pathsep.join(
            [str(interpreter.base().parent), str(_tools()), "/usr/local/bin", "/usr/bin", "/bin"]
        ),
        "CNB_STACK_ID": "org.openfunction.base-less",
        "CNB_BUILDPACK_DIR": str(buildpack),
        "CNB_PLATFORM_DIR": str(work.platform),
        "CNB_LAYERS_DIR": str(work.layers / buildpack.name),
        "CNB_BP_PLAN_PATH": str(work.root / "plan.toml"),
        "CNB_BUILD_PLAN_PATH": str(work.root / "build-plan.toml"),
        "CNB_TARGET_OS": "linux" if sys.platform == "linux" else sys.platform,
        "CNB_TARGET_ARCH": {"x86_64": "amd64", "aarch64": "arm64"}.get(
            os.uname().machine, os.uname().machine
        ),
    }


def _tools() -> Path:
    """The folder of the uv program that came with this distribution."""
    import uv  # noqa: PLC0415 - only builds need it

    return Path(uv.find_uv_bin()).parent


def _metadata(buildpack: Path) -> dict[str, Any]:
    return tomllib.loads((buildpack / "buildpack.toml").read_text())["buildpack"]  # type: ignore[no-any-return]
