"""Starting a process through the launcher, detached from the node, which may end before it.

It knows nothing of Pods; what the process is allowed to do is given to it as the launcher's confinement.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfunction_py.node import launcher, processes
from openfunction_py.node.processes import Identity

LAUNCHER = Path(launcher.__file__)


@dataclass(frozen=True, slots=True)
class Launch:
    """A program, where its output goes, and how it is confined; `exits` gets its exit code when given."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    exits: Path | None = None
    confinement: Mapping[str, Any] = field(default_factory=dict)


def orders(launch: Launch) -> dict[str, Any]:
    """What whoever becomes the program is told: what to run, and how to confine itself before."""
    return {
        **launch.confinement,
        "argv": list(launch.argv),
        "env": dict(launch.env),
        "cwd": str(launch.cwd),
    }


def interpreter() -> str:
    """The interpreter outside any virtual environment, which image layers bring their own packages to."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return base


def start(launch: Launch) -> Identity:
    """Start a process in a session of its own; raises OSError when the machine cannot."""
    told = {**orders(launch), "exit": launch.exits is not None}
    with tempfile.TemporaryFile() as spec, launch.log.open("ab") as log:
        spec.write(json.dumps(told).encode())
        spec.seek(0)
        actions = [(os.POSIX_SPAWN_DUP2, spec.fileno(), 0)]
        actions += [(os.POSIX_SPAWN_DUP2, log.fileno(), descriptor) for descriptor in (1, 2)]
        exits = _open_for_writing(launch.exits) if launch.exits else -1
        try:
            if exits >= 0:
                actions.append((os.POSIX_SPAWN_DUP2, exits, launcher.EXIT_DESCRIPTOR))
            pid = _spawn(actions)
        finally:
            if exits >= 0:
                os.close(exits)
    return processes.identify_child(pid)


def _spawn(actions: Sequence[tuple[Any, ...]]) -> int:
    program = interpreter()
    return os.posix_spawn(
        program,
        [program, "-I", "-S", "-B", str(LAUNCHER)],
        {"PATH": os.defpath},  # the launcher gets the instance's environment with its orders, not as its own
        file_actions=actions,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT],
    )


def _open_for_writing(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def exit_code(path: Path) -> int | None:
    """The exit code a launcher's shell wrote; None when it was ended before it could."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
