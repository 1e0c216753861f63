"""A platform from outside: start it, wait for it, look at it, end it, also when parts of it are dead.

Synchronous and light, for the command line; what runs inside is `supervisor` and `roles`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openfunction_py.apiserver import pki
from openfunction_py.embedded import pidfiles, settings, supervisor
from openfunction_py.lib import home as homes
from openfunction_py.lib import tools
from openfunction_py.node import processes

READY_SECONDS = 30.0
STOP_SECONDS = 60.0
LEAST_FREE = 16 << 20


class PlatformError(Exception):
    """The platform cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Status:
    """What runs of a platform: the supervisor's pid and a row per process."""

    running: bool
    pid: int
    processes: tuple[dict[str, Any], ...]
    chosen: settings.Settings


def prepare(
    home: homes.Home, *, port: int | None, api_port: int | None, dapr: settings.Sidecar | None = None
) -> settings.Settings:
    """Make the data folder and choose the ports and the sidecar.

    Raises:
        PlatformError: running already, folder not writable, port taken, disk full, no daprd.
    """
    try:
        if pidfiles.recall(supervisor.pid_file(home, "supervisor")) is not None:
            raise PlatformError(
                f"a platform already runs from {home.root}; `ofn status` shows it, `ofn down` ends it"
            )
        check_ours(home)
        home.ensure()
        _check_space(home)
        _end_roles(home)
        known = settings.load(home.config)
        chosen = dataclasses.replace(
            known,
            api_port=known.api_port if api_port is None else api_port,
            gateway_port=known.gateway_port if port is None else port,
        )
        chosen = settings.with_sidecar(chosen, dapr, os.environ)
        chosen = settings.with_free_ports(chosen)
        settings.save(home.config, chosen)
        pki.ensure(home, (chosen.host,))
    except settings.SettingsError as error:
        raise PlatformError(str(error)) from error
    except PermissionError as error:
        raise PlatformError(
            f"the data folder {home.root} is not writable ({error.strerror}); set OFN_HOME to a folder of yours"
        ) from error
    except OSError as error:
        raise PlatformError(
            f"the data folder {home.root} cannot be used: {error.strerror or error}"
        ) from error
    return chosen


def _check_space(home: homes.Home) -> None:
    """A store that cannot grow refuses every write; better said now."""
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE:
        raise PlatformError(
            f"the disk under {home.root} has {free >> 20} MB left and a platform needs {LEAST_FREE >> 20} MB to start; "
            "make room, or set OFN_HOME to another disk"
        )


def start(home: homes.Home, chosen: settings.Settings) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own; its log goes to the home."""
    told = {homes.HOME_VARIABLE: str(home.root), tools.DAPRD_VARIABLE: chosen.daprd}
    with (home.logs / "supervisor.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "openfunction_py.embedded", "supervisor"],
            env={**os.environ, **told},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def wait_ready(home: homes.Home, process: subprocess.Popen[bytes], *, timeout: float = READY_SECONDS) -> None:
    """Return when API server, node and gateway answer.

    Raises:
        PlatformError: the supervisor ended, or a part was not ready in time; the message names the log.
    """
    chosen = settings.load(home.config)
    pause = threading.Event()
    for _ in range(int(timeout / 0.02)):
        if process.poll() is not None:
            raise PlatformError(f"the platform ended at once; {_last_line(home.logs / 'supervisor.log')}")
        missing = next(_not_ready(home, chosen), "")
        if not missing:
            return
        pause.wait(0.02)
    role = "control" if missing == "API server" else missing
    log = home.logs / f"{role}.log"
    raise PlatformError(
        f"the {missing} is not ready after {timeout:.0f} s; {_last_line(log)} (more in {log})"
    )


def _not_ready(home: homes.Home, chosen: settings.Settings) -> Iterator[str]:
    if not api_answers(home, chosen):
        yield "API server"
    if not _connects(socket.AF_UNIX, str(home.node_socket)):
        yield "node"
    if not _connects(socket.AF_INET, (chosen.host, chosen.gateway_port)):
        yield "gateway"


def api_answers(home: homes.Home, chosen: settings.Settings) -> bool:
    """True when the API server says it is ready."""
    try:
        trust = ssl.create_default_context(cafile=str(home.ca_cert))
        url = f"https://{chosen.host}:{chosen.api_port}/readyz"
        with urllib.request.urlopen(url, timeout=2, context=trust) as answer:
            return int(answer.status) == 200
    except (OSError, urllib.error.URLError, ssl.SSLError):
        return False


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return f"its last line of log: {lines[-1][:400]}" if lines else "its log is empty"


def status(home: homes.Home) -> Status:
    """What runs now, asked from the supervisor's socket, or read from pid files when it is dead."""
    chosen = settings.load(home.config)
    identity = pidfiles.recall(supervisor.pid_file(home, "supervisor"))
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as door:
        door.settimeout(2)
        door.connect(str(home.supervisor_socket))
        chunks = iter(lambda: door.recv(65536), b"")
        answer = json.loads(b"".join(chunks))
        return Status(
            running=True, pid=int(answer["pid"]), processes=tuple(answer["processes"]), chosen=chosen
        )
    rows = tuple(
        {"role": role, "pid": found.pid, "starts": 0, "lastExit": ""}
        for role in supervisor.ROLES
        if (found := pidfiles.recall(supervisor.pid_file(home, role))) is not None
    )
    return Status(identity is not None or bool(rows), identity.pid if identity else 0, rows, chosen)


def stop(home: homes.Home) -> int:
    """End every process of this platform; returns how many there were.

    The supervisor ends its children in order; what it cannot end any more, because it is dead, is ended here.
    """
    ended = 0
    found = pidfiles.recall(supervisor.pid_file(home, "supervisor"))
    if found is not None:
        pidfiles.end(found, grace=STOP_SECONDS)
        ended += 1
    return ended + _end_roles(home) + _end_strays(home)


def _end_roles(home: homes.Home) -> int:
    """End what a supervisor that was killed left running: it holds the ports and the store."""
    ended = 0
    for role in reversed(supervisor.ROLES):
        left = pidfiles.recall(supervisor.pid_file(home, role))
        if left is not None:
            pidfiles.end(left, grace=supervisor.GRACE[role])
            ended += 1
    return ended


def _end_strays(home: homes.Home) -> int:
    """End what a node that was killed left: what it recorded, and processes whose environment names this home."""
    strays = {identity for pid in _pids() if (identity := _of_home(pid, home)) is not None}
    strays |= {one for one in _recorded(home) if processes.is_alive(one)}
    for identity in strays:
        pidfiles.end(identity, grace=2, group=True)
    return len(strays)


def _recorded(home: homes.Home) -> set[processes.Identity]:
    """Instances and templates by the records of their node; dependency templates carry no mark of it."""
    from openfunction_py.node import records, templates  # noqa: PLC0415 - `ofn` starts without them

    pods = [record for _, record in records.load_all(home.pods) if record is not None]
    of_pods = {one.identity for pod in pods for one in pod.containers.values() if one.identity is not None}
    return of_pods | {about.identity for about in templates.recorded(home)}


def _pids() -> list[int]:
    try:
        return [
            int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and p.name != str(os.getpid())
        ]
    except FileNotFoundError:
        return []


def _of_home(pid: int, home: homes.Home) -> processes.Identity | None:
    """Instances and templates carry the control socket's path of their node in OFN_CONTROL."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    mark = f"OFN_CONTROL={home.instances_socket}".encode()
    return processes.identify(pid) if mark in environment else None


def check_ours(home: homes.Home) -> None:
    """Keep platforms away from folders with other things in them, which a purge would remove.

    Raises:
        PlatformError: the data folder is no folder of a platform, and not empty.
    """
    made = (
        home.pki,
        home.tokens,
        home.images,
        home.cache,
        home.logs,
        home.node,
        home.run,
        home.lock,
        home.kubeconfig,
    )
    first = {path.name for path in made}  # what a start that failed early leaves
    try:
        others = sorted(
            path.name
            for path in home.root.iterdir()
            if path.name not in first and not path.name.startswith(home.store.name)
        )
        if others and not _has_settings(home):
            raise PlatformError(
                f"{home.root} is no data folder of a platform: it holds {others[0]}; "
                "set OFN_HOME to a folder of its own"
            )
    except settings.SettingsError as error:
        raise PlatformError(str(error)) from error
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # what cannot be listed is refused by whoever uses it


def _has_settings(home: homes.Home) -> bool:
    settings.load(home.config)
    return home.config.exists()


def purge(home: homes.Home) -> None:
    """Remove the data folder and the folder of sockets.

    Raises:
        PlatformError: something of it cannot be removed.
    """
    for folder in {home.root, home.run}:
        if folder.exists():
            _remove(folder.resolve())


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        if folder.is_dir() and not any(folder.iterdir()):
            return  # a mount point: it is empty, and stays
        raise PlatformError(
            f"{error.filename or folder} cannot be removed: {error.strerror or error}"
        ) from error
