"""The lifecycle: source → detect → restore → build → export, one value in and one value out.

It runs buildpacks as upstream's does, with a scrubbed environment; what a language needs is the buildpacks' matter.
"""

from __future__ import annotations

import collections
import errno
import os
import subprocess
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfunction_builder import (
    buildpacks,
    children,
    clock,
    export,
    images,
    interpreter,
    log,
    package,
    plan,
    reasons,
    request,
    restore,
    result,
    sources,
    workspace,
)

PASS, FAIL = 0, 100
KEPT_LINES = 400
LONGEST_LINE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a buildpack's program ended, and the last lines of what it said."""

    code: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Build:
    """One build under way."""

    asked: request.BuildRequest
    work: workspace.Workspace


@dataclass(slots=True)
class Refused:
    """What buildpacks said that do not take the source, and the last error that a detection ended with."""

    fails: list[str] = field(default_factory=list)
    error: reasons.BuildError | None = None

    def reason(self) -> reasons.BuildError:
        """Why nobody takes it; an error says more than that it is for somebody else."""
        return (
            self.error
            or reasons.of_output(self.fails)
            or reasons.BuildError("BuilderUnsupported", "no buildpack takes this source")
        )


def build(asked: request.BuildRequest) -> result.BuildResult:
    """Build an image into the request's layout; the log goes to standard output.

    Every failure comes back as a result with a reason; nothing is left of a failed build but its log.
    """
    try:
        _check_places(asked)
        with workspace.opened(Path(asked.cache)) as work:
            return _build(Build(asked, work))
    except reasons.BuildError as error:
        reason, message = error.reason, error.message
    except (package.PackageError, images.ImageError) as error:
        reason, message = "BuildFailed", str(error)
    except OSError as error:
        reason, message = _of_machine(error, asked)
    log.say(f"ERROR {reason}: {message}")
    return result.BuildResult(reason=reason, message=message)


def _check_places(asked: request.BuildRequest) -> None:
    """Relative paths would follow the folder that someone happens to be in."""
    for name, place in (("layout", asked.layout), ("cache", asked.cache)):
        if not Path(place).is_absolute():
            raise reasons.BuildError("BuildFailed", f"{name}: give an absolute path, not {place!r}")


def _of_machine(error: OSError, asked: request.BuildRequest) -> tuple[str, str]:
    """What this machine refused; a full disk is the one that people meet."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "ExportFailed",
            f"no space is left for the image or the build's cache ({asked.layout}, {asked.cache}); "
            "free some and build again",
        )
    return "BuildFailed", f"the build ran into {(error.strerror or str(error)).lower()}: {error.filename}"


def _build(this: Build) -> result.BuildResult:
    layout = images.Layout(Path(this.asked.layout))
    begun = clock.monotonic()
    found = sources.fetch(this.asked, layout, this.work.app)
    log.say(f"===> DETECTING  {this.asked.image}")
    workspace.write_platform(this.work, this.asked, os.environ)
    steps = _detect(this)
    before = restore.previous(layout, this.asked.image)
    chosen = [step.buildpack for step in steps]
    log.say("===> RESTORING")
    restore.restore(this.work, this.asked.image, chosen, before)
    made: list[Sequence[Path]] = []
    for step in steps:
        log.say(f"===> BUILDING  {step.buildpack.id} {step.buildpack.version}")
        _run(this, step, made)
        made.append(export.build_layers(this.work.layers / step.buildpack.key))
    log.say("===> EXPORTING")
    exported = export.image(this.asked.image, this.work, chosen, before=before, layout=layout)
    log.say(f"     {this.asked.image}@{exported.digest}")
    log.say(f"===> DONE in {clock.monotonic() - begun:.1f} s")
    return result.BuildResult(
        digest=exported.digest,
        size=exported.size,
        lock=exported.lock,
        sources=(found,),
        processes=exported.processes,
    )


def _detect(this: Build) -> Sequence[plan.Step]:
    """The steps of the first group that takes the source.

    Raises:
        BuildError: none does.
    """
    (this.work.root / "plans").mkdir()
    refused = Refused()
    known: dict[str, Sequence[plan.Offer] | None] = {}
    for group in buildpacks.groups(package.buildpacks(this.work.cache)):
        taking: list[tuple[buildpacks.Member, Sequence[plan.Offer]]] = []
        for member in group:
            if member.buildpack.id not in known:
                known[member.buildpack.id] = _offers(this, member.buildpack, refused)
            offers = known[member.buildpack.id]
            if offers is not None:
                taking.append((member, offers))
            elif not member.optional:
                break
        else:
            if taking and (steps := plan.resolve(taking)):
                return steps
    raise refused.reason()


def _offers(this: Build, buildpack: buildpacks.Buildpack, refused: Refused) -> Sequence[plan.Offer] | None:
    """What a buildpack provides and requires for this source; None when it does not take it.

    As in upstream's lifecycle an error is no end: another group may take the source.
    """
    (this.work.layers / buildpack.key).mkdir(parents=True)
    ended = _call(this.work, buildpack, "detect")
    if ended.code == PASS:
        return plan.offers(_toml(this.work.root / "plans" / f"{buildpack.key}.detected.toml"))
    if ended.code == FAIL:
        refused.fails += ended.lines
    else:
        last = [line.strip() for line in list(ended.lines)[-5:]]
        refused.error = reasons.of_output(list(ended.lines)) or reasons.BuildError(
            "BuildFailed", "\n".join([f"detect of {buildpack.id} ended with {ended.code}", *last])
        )
    return None


def _toml(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text()) if path.exists() else {}


def _run(this: Build, step: plan.Step, made: Sequence[Sequence[Path]]) -> None:
    workspace.write_plan(this.work, step)
    ended = _call(this.work, step.buildpack, "build", made)
    if ended.code:
        last = "\n".join(list(ended.lines)[-5:])
        raise reasons.of_output(list(ended.lines)) or reasons.BuildError(
            "BuildFailed", f"build of {step.buildpack.id} ended with {ended.code}: {last}"
        )


def _call(
    work: workspace.Workspace,
    buildpack: buildpacks.Buildpack,
    phase: str,
    made: Sequence[Sequence[Path]] = (),
) -> Ended:
    """Run a buildpack's program; its output passes through, with the build's folder as `/`."""
    kept: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
    process = subprocess.Popen(
        _command(buildpack.folder / "bin" / phase),
        env=workspace.environment(work, buildpack, os.environ, phase, made=made), cwd=work.app,
        stdin=subprocess.DEVNULL, process_group=0, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    reader = threading.Thread(target=_read, args=(process, f"{work.root}/", kept), daemon=True)
    with process:
        reader.start()
        try:
            process.wait()
        finally:
            children.end_group(process.pid)  # what went to the background holds the output open
            reader.join()
    return Ended(process.returncode, kept)


def _read(process: subprocess.Popen[str], folder: str, kept: collections.deque[str]) -> None:
    bounded = log.Bounded()
    while process.stdout and (line := process.stdout.readline(LONGEST_LINE)):
        text = line.rstrip("\n").replace(folder, "/")
        bounded.say(text)
        kept.append(text)


def _command(program: Path) -> list[str]:
    """Python programs run under the interpreter that functions run with; others by their own first line."""
    python = program.read_bytes().startswith(b"#!/usr/bin/env python3")
    return [str(interpreter.base()), str(program)] if python else [str(program)]
