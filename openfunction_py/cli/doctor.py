"""ofn doctor: what this machine has, and what is missing for what."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from functions_framework import neighbours
from openfunction_py.cli import disk, output
from openfunction_py.lib import home as homes
from openfunction_py.lib import tools


@dataclass(frozen=True, slots=True)
class Finding:
    """One capability: present or not, and what it is for or what brings it."""

    name: str
    present: bool
    note: str


def doctor() -> None:
    """List what the platform can use on this machine, and what would bring the rest.

    Example: ofn doctor
    """
    for finding in findings():
        output.data(f"{'ok     ' if finding.present else 'missing'}  {finding.name}: {finding.note}")


def findings() -> Iterator[Finding]:
    """Every capability that changes what works or how."""
    yield _python()
    yield _framework()
    for program, purpose in (
        ("git", "functions from git URLs"),
        ("kubectl", "optional; every command of ofn works without it"),
        ("skopeo", "optional; looks at and copies images"),
    ):
        found = shutil.which(program)
        yield Finding(
            program, found is not None, purpose if found else f"apt-get install {program}, for {purpose}"
        )
    yield _daprd()
    yield Finding("fork", hasattr(os, "fork"), "instances start as forks of a warm template")
    yield Finding(
        "pidfd", _works(lambda: os.close(os.pidfd_open(os.getpid()))), "ends of processes are seen at once"
    )
    yield Finding("127.0.0.0/8", _can_bind("127.83.1.2"), "each Pod has its own loopback address")
    yield _localhost_names()
    root = os.geteuid() == 0
    yield Finding(
        "root", True, "functions run as uid 65532" if root else "no; functions run with your own rights"
    )
    home = homes.Home.default(os.environ)
    yield Finding("data folder", _writable(home.root), disk.data_note(home))
    caches = homes.cache_dir(os.environ)
    yield Finding("cache folder", _writable(caches), disk.cache_note(caches))


def _python() -> Finding:
    known = sys.version_info >= (3, 12)
    memory = "" if known else ", from 3.12 on an idle instance needs half the memory"
    told = f"{platform.python_version()}; 3.11 or newer runs everything{memory}"
    return Finding("python", sys.version_info >= (3, 11), told)


def _framework() -> Finding:
    """Whether functions written here run on our framework and no other."""
    wrong = neighbours.sentence(neighbours.others(dict.fromkeys(sys.path)))
    return Finding(
        "functions framework", not wrong, wrong or "functions_framework is ours, and no other is here"
    )


def _daprd() -> Finding:
    found = tools.daprd(os.environ)
    what = "Dapr's own sidecar, for `ofn up --dapr daprd`"
    return Finding("daprd", found is not None, what if found else f"tools/dapr/build.sh builds it; {what}")


def _localhost_names() -> Finding:
    name, works = "http://<function>.<namespace>.localhost", _resolves("probe.default.localhost")
    note = name if works else f"{name} works in curl and browsers; elsewhere use the path form"
    return Finding("localhost names", works, note)


def _works(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except (OSError, AttributeError):
        return False
    return True


def _can_bind(address: str) -> bool:
    with socket.socket() as probe:
        return _works(lambda: probe.bind((address, 0)))


def _resolves(name: str) -> bool:
    return _works(lambda: socket.getaddrinfo(name, 80))


def _writable(folder: Path) -> bool:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(there, os.W_OK)
