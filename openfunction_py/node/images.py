"""From the image of a container to a command line of this machine.

It pulls nothing: an image is a well-known program, or lies in the platform's image store, or cannot run here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openfunction_builder import images as layouts
from openfunction_builder import launch
from openfunction_py.lib.home import Home
from openfunction_py.node import abi, gate, programs, spawn

FRAMEWORK = ("-m", "functions_framework")
TEMPLATE = ("-m", "functions_framework.templates.template")
DIGEST_MARK = "@sha256:"
MAX_KNOWN = 512


class NotRunnableError(Exception):
    """A container cannot run on this node; `reason` becomes its waiting reason and the text says what would help."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Runnable:
    """What an image means here; `template_argv` is set when it serves a function that a template could hold."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    digest: str
    trusted: bool = False
    program: programs.Program | None = None
    template_argv: Sequence[str] = ()
    dependencies: Path | None = None  # the folder of its packages in a layer that other images may share
    readable: Sequence[Path] = field(default_factory=list)


class Images:
    """The images of one node; what a digest means is worked out once."""

    def __init__(self, home: Home) -> None:
        """Read the home's image store and unpack below its node folder."""
        self._home = home
        self._known: dict[str, Runnable] = {}
        self.gate = gate.Gate()

    async def resolve(self, image: str) -> Runnable:
        """What runs for this image; raises NotRunnableError."""
        program = programs.find(image)
        if program is not None:
            env = program.env(self._home)
            digest = f"program:{program.name}"
            return Runnable(
                program.argv,
                env,
                Path("/"),
                digest=digest,
                trusted=not program.confined,
                program=program,
                readable=program.readable if program.confined else (),
            )
        known = self._known.get(image)
        if known is not None and self._use(known):
            return known
        # unpacking a new image reads and writes its layers; the loop serves every other Pod meanwhile
        found = await asyncio.to_thread(self._unpack, image)
        if DIGEST_MARK in image:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[image] = found
        return found

    def _unpack(self, image: str) -> Runnable:
        with self.gate.unpacking():
            found = _unpacked(image, self._home)
            self._use(found)
            return found

    def _use(self, known: Runnable) -> bool:
        """Note that an unpacked image is used now; false when it was collected meanwhile."""
        if not known.cwd.exists():
            return False
        os.utime(self._home.unpacked / known.digest.removeprefix("sha256:"))
        return True


def _unpacked(image: str, home: Home) -> Runnable:
    layout = layouts.Layout(home.images)
    try:
        digest = layout.resolve(image)
        if digest is None:
            raise NotRunnableError(
                "ImageNotRunnable",
                f"the image {image} is neither a program of this platform nor in its image store, and this node pulls "
                f"none; let a Function's build make it, or run it on a cluster",
            )
        unpacked = launch.unpack(layout, digest, layers_root=home.layers, images_root=home.unpacked)
        _check_interpreter(image, unpacked.python_abi)
        return _runnable(unpacked, unpacked.process(), home)
    except launch.LaunchError as error:
        raise NotRunnableError(error.reason, f"the image {image} cannot run here: {error}") from error


def _check_interpreter(image: str, wanted: str) -> None:
    if wanted and wanted != abi.current():
        raise NotRunnableError(
            "InterpreterMissing",
            f"the image {image} needs the interpreter {wanted} and this node has {abi.current()}; build it again here, "
            f"or start the platform with that Python",
        )


def _runnable(unpacked: launch.Image, process: launch.Process, home: Home) -> Runnable:
    serves_function = unpacked.framework and tuple(process.argv[-2:]) == FRAMEWORK
    return Runnable(
        argv=[spawn.interpreter(), *process.argv[1:]] if serves_function else process.argv,
        env=process.env,
        cwd=process.cwd,
        digest=unpacked.digest,
        template_argv=[spawn.interpreter(), *process.argv[1:-2], *TEMPLATE] if serves_function else (),
        readable=[home.layers, home.unpacked],
        dependencies=_dependencies(process.env, home.layers) if serves_function else None,
    )


def _dependencies(env: Mapping[str, str], layers: Path) -> Path | None:
    """The first folder of the import path, followed to the layer it lies in; None when it lies in none."""
    first, rest, _ = env.get("PYTHONPATH", "").partition(os.pathsep)
    found = Path(first).resolve() if first and rest else None
    return found if found is not None and found.is_relative_to(layers.resolve()) else None
