"""Identity of a process: its pid together with the moment it started, so that a reused pid is never mistaken.

It reads and signals processes; it never starts one.
"""

from __future__ import annotations

import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of this boot: pid and start time in clock ticks since boot."""

    pid: int
    start: str


def identify(pid: int) -> Identity | None:
    """The identity of a living process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else _identify_without_proc(pid)
    return None if fields[0] == "Z" else Identity(pid, fields[19])


def _identify_without_proc(pid: int) -> Identity | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return Identity(pid, "")
    return Identity(pid, "")


def is_alive(identity: Identity) -> bool:
    """True while exactly this process runs."""
    return identify(identity.pid) == identity


def record(path: Path, identity: Identity) -> None:
    """Write an identity to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(identity)))
    part.replace(path)


def recall(path: Path) -> Identity | None:
    """The living process a file names; None when the file or the process is gone."""
    try:
        found = Identity(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if is_alive(found) else None


def end(identity: Identity, *, grace: float, group: bool = False) -> bool:
    """Ask a process to stop, then kill it after `grace` seconds; True when it had to be killed."""
    if not is_alive(identity):
        return False
    _signal(identity, signal.SIGTERM, group=False)
    if wait(identity, timeout=grace):
        return False
    _signal(identity, signal.SIGKILL, group=group)
    wait(identity, timeout=5)
    return True


def _signal(identity: Identity, number: signal.Signals, *, group: bool) -> None:
    try:
        if group and os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, number)
        else:
            os.kill(identity.pid, number)
    except ProcessLookupError:
        return


def wait(identity: Identity, *, timeout: float) -> bool:
    """Wait until a process that need not be our child has ended; False when `timeout` seconds passed."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    try:
        if not is_alive(identity):
            return True
        readable, _, _ = select.select([descriptor], [], [], timeout)
        return bool(readable)
    finally:
        os.close(descriptor)
