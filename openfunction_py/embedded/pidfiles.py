"""Pid files of the platform's processes, and their end from outside, without an event loop.

What a process is, and whether it is still the same one, is `node.processes`' business; nothing is started here.
"""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path

from openfunction_py.node import processes
from openfunction_py.node.processes import Identity


def record(path: Path, identity: Identity) -> None:
    """Write an identity to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(identity.to_record()))
    part.replace(path)


def recall(path: Path) -> Identity | None:
    """The living process a file names; None when the file or the process is gone."""
    try:
        found = Identity.from_record(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return found if processes.is_alive(found) else None


def end(identity: Identity, *, grace: float, group: bool = False) -> bool:
    """Ask a process to stop, then kill it after `grace` seconds; True when it had to be killed."""
    if not processes.is_alive(identity):
        return False
    processes.send(identity, signal.SIGTERM)
    if wait(identity, timeout=grace):
        return False
    if group:
        processes.kill_group(identity)
    processes.send(identity, signal.SIGKILL)
    wait(identity, timeout=5)
    return True


def wait(identity: Identity, *, timeout: float) -> bool:
    """Wait until a process that need not be our child has ended; False when `timeout` seconds passed."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    try:
        if not processes.is_alive(identity):
            return True
        readable, _, _ = select.select([descriptor], [], [], timeout)
        return bool(readable)
    finally:
        os.close(descriptor)
