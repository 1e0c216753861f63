"""The sandbox of an instance: which confinement this machine allows, and what the launcher is told.

It starts nothing; a level that the machine refuses is reported, never silently skipped.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNPRIVILEGED = 65532  # "nonroot" of distroless images, which Knative and its queue-proxy use as well
NOFILE = 65536


class Level(enum.Enum):
    """How much of the sandbox is in force."""

    UNPRIVILEGED_USER = "UnprivilegedUser"
    OWN_MOUNTS = "OwnMounts"
    SAME_USER = "SameUser"
    NONE = "Trusted"


_SENTENCES = {
    Level.UNPRIVILEGED_USER: (
        "runs as user 65532 in its own mount namespace, without new privileges, with limits on files and core dumps"
    ),
    Level.OWN_MOUNTS: (
        "runs as the user of the platform in its own user and mount namespace, without new privileges, "
        "with limits on files and core dumps"
    ),
    Level.SAME_USER: (
        "runs as the user of the platform without new privileges, with limits on files and core dumps; "
        "this system allows no more"
    ),
    Level.NONE: "is a program of the platform and runs as its user",
}


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file of the node that an instance sees at another path."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What an instance must reach: paths it reads, paths it writes, folders shown elsewhere, and a place for a root."""

    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()
    binds: Sequence[Bind] = ()
    stage: Path | None = None


def sentence(level: Level) -> str:
    """What a level means, as the Pod's status says it."""
    return f"The instance {_SENTENCES[level]}."


def levels() -> list[Level]:
    """The levels to try on this system, strictest first."""
    if not sys.platform.startswith("linux"):
        return [Level.SAME_USER]
    if os.geteuid() == 0:
        return [Level.UNPRIVILEGED_USER, Level.SAME_USER]
    return [Level.OWN_MOUNTS, Level.SAME_USER]


def owner(level: Level) -> int | None:
    """The user that an instance's own files must belong to; None when it is the node's."""
    return UNPRIVILEGED if level is Level.UNPRIVILEGED_USER else None


def confinement(level: Level, needs: Needs) -> dict[str, Any]:
    """What the launcher is told for a level."""
    if level is Level.NONE:
        return {"limits": {"core": 0}}
    told: dict[str, Any] = {"no_new_privs": sys.platform.startswith("linux")}
    told["limits"] = {"nofile": NOFILE, "core": 0}
    if level is Level.UNPRIVILEGED_USER:
        told |= {"uid": UNPRIVILEGED, "gid": UNPRIVILEGED, "mounts": _mounts(needs)}
    elif level is Level.OWN_MOUNTS and needs.binds:
        # the same user passes every folder as before, so nothing is covered and no path needs to be shown
        told["mounts"] = {**_mounts(needs), "paths": [], "user_namespace": True}
    return told


def _mounts(needs: Needs) -> dict[str, Any]:
    readable = [*needs.readable, *([needs.stage] if needs.stage else [])]
    return {
        "paths": [*_paths(readable, needs.writable), *_paths(needs.writable, (), writable=True)],
        "binds": [[str(bind.source), bind.target, bind.writable] for bind in needs.binds],
        "stage": str(needs.stage) if needs.stage else None,
    }


def _paths(paths: Iterable[Path], without: Iterable[Path], *, writable: bool = False) -> list[list[Any]]:
    left_out = set(without)
    return [[str(path), writable] for path in dict.fromkeys(paths) if path not in left_out]


def give(path: Path, level: Level) -> None:
    """Make a file or folder the instance's own."""
    user = owner(level)
    if user is not None:
        os.chown(path, user, user)


def interpreter_roots() -> list[Path]:
    """The folders of the interpreter that instances run on: its installation, and where its links lead."""
    roots = [Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    return [
        path for root in roots for path in (root, root.resolve()) if path.exists() and path != Path("/usr")
    ]
