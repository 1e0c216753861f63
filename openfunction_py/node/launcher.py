"""What a process does to itself before it becomes an instance: session, mounts, limits, user, no new privileges.

It runs as a script of the standard library alone (`python -I -S launcher.py`), reads what to do as JSON on standard
input, and ends by becoming the program; it decides nothing and logs nothing of the environment it is given.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import stat
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS = 38
FAILED = 126  # what a shell says of a program it cannot start
EXIT_DESCRIPTOR = 9
# The shell outlives SIGTERM long enough to write down how its one child ended, for a node that restarted meanwhile.
SHIM = 'trap : TERM INT HUP; "$@" 9>&-; code=$?; echo $code >&9; exit $code'


class StepError(Exception):
    """The system did not allow a step; the text names it."""


def main() -> NoReturn:
    """Become what standard input describes."""
    spec = json.load(sys.stdin)
    try:
        confine(spec)
        become(spec)
    except (OSError, StepError, ValueError) as error:
        os.write(2, f"openfunction: StartFailed: {spec['argv'][0]} cannot be started: {error}\n".encode())
        if spec.get("exit"):
            os.write(EXIT_DESCRIPTOR, f"{FAILED}\n".encode())
        os._exit(FAILED)


def confine(spec: dict[str, Any]) -> None:
    """Take away what the instance must not have, in the order the kernel requires."""
    os.setsid()
    os.umask(0o022)
    if spec.get("mounts") is not None:
        Mounts(spec["mounts"]).enter()
    for name, value in spec.get("limits", {}).items():
        limit(name, value)
    if spec.get("uid") is not None:
        os.setgroups([])
        os.setgid(spec["gid"])
        os.setuid(spec["uid"])
    if spec.get("no_new_privs"):
        check("no_new_privs", libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def become(spec: dict[str, Any]) -> NoReturn:
    """Replace this process by the program, its standard input empty."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.chdir(spec["cwd"])
    argv = ["/bin/sh", "-c", SHIM, "sh", *spec["argv"]] if spec.get("exit") else spec["argv"]
    os.execve(argv[0], argv, spec["env"])  # noqa: S606 - becoming the program is what this is for


def limit(name: str, value: int) -> None:
    """Lower one limit for good; a limit already lower stays."""
    number = getattr(resource, f"RLIMIT_{name.upper()}")
    _, hard = resource.getrlimit(number)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (allowed, allowed))


class Mounts:
    """A view of the file system of this process' own.

    `paths` are [path, writable] that must be reachable although folders above them are closed to others; `binds` are
    [source, target, writable] that appear somewhere else; `stage` is an empty folder for a
    new root and one of the paths.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        """Keep what is asked for; nothing is opened yet."""
        self._spec = spec

    def enter(self) -> None:
        """Make the view and live in it."""
        self._unshare()
        # opened in the new namespace, whose mounts alone may be bound, and before anything is covered
        paths = [(path, os.open(path, os.O_PATH), writable) for path, writable in sorted(self._spec["paths"])]
        binds = [
            (target.rstrip("/"), os.open(source, os.O_PATH), writable)
            for source, target, writable in sorted(self._spec["binds"], key=lambda bind: bind[1])
        ]
        covered = topmost(closed_ancestor(path) for path, _, _ in paths)
        for root in covered:
            mount("tmpfs", root, kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=0755,size=1m")
        for path, descriptor, writable in paths:
            if any(below(path, root) for root in covered):
                place(descriptor, path, writable=writable)
        for root in covered:
            mount("none", root, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
        for target, descriptor, writable in binds:
            self._bind(descriptor, target, writable=writable)

    def _unshare(self) -> None:
        uid, gid = os.getuid(), os.getgid()
        own_users = bool(self._spec.get("user_namespace"))
        check("unshare", libc().unshare(CLONE_NEWNS | (CLONE_NEWUSER if own_users else 0)))
        if own_users:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{uid} {uid} 1")
            _write("/proc/self/gid_map", f"{gid} {gid} 1")
        mount("none", "/", flags=MS_REC | MS_PRIVATE)

    def _bind(self, source: int, target: str, *, writable: bool) -> None:
        if not os.path.lexists(target):
            parent = existing_ancestor(target)
            if parent == "/":
                self._new_root()
            else:
                shadow(parent)
        place(source, target, writable=writable)

    def _new_root(self) -> None:
        stage = self._spec.get("stage")
        if not stage:
            raise StepError("no folder was given for a new root")
        entries = held("/")
        mount("tmpfs", stage, kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=0755,size=1m")
        fill(stage, entries)
        os.chroot(stage)
        os.chdir("/")


def closed_ancestor(path: str) -> str:
    """The topmost folder above `path` that others may not pass through; empty when all are open."""
    parts = path.strip("/").split("/")
    for index in range(1, len(parts)):
        folder = "/" + "/".join(parts[:index])
        if not os.stat(folder).st_mode & stat.S_IXOTH:  # noqa: PTH116 - pathlib doubles the start time of this script
            return folder
    return ""


def existing_ancestor(path: str) -> str:
    """The deepest folder above `path` that exists."""
    parent = path.rpartition("/")[0]
    while parent and not os.path.isdir(parent):  # noqa: PTH112 - pathlib doubles the start time of this script
        parent = parent.rpartition("/")[0]
    return parent or "/"


def topmost(folders: Iterable[str]) -> list[str]:
    """Folders without those that lie below another, and without the empty text."""
    kept: list[str] = []
    for folder in sorted(set(folders) - {""}):
        if not any(below(folder, root) for root in kept):
            kept.append(folder)
    return kept


def below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies in it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def place(source: int, target: str, *, writable: bool) -> None:
    """Show an opened file or folder at `target`, which is made if it is missing."""
    is_folder = stat.S_ISDIR(os.fstat(source).st_mode)
    if not os.path.lexists(target):
        os.makedirs(target if is_folder else target.rpartition("/")[0], mode=0o755, exist_ok=True)  # noqa: PTH103
        if not is_folder:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(f"/proc/self/fd/{source}", target, flags=MS_BIND | MS_REC)
    if not writable:
        mount("none", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | locked(target))


def locked(target: str) -> int:
    """The flags of a mount that a remount has to keep."""
    flags = os.statvfs(target).f_flag
    return sum(flag for flag in (MS_NOSUID, MS_NODEV, os.ST_NOEXEC) if flags & flag)


def shadow(folder: str) -> None:
    """Cover a folder by a fresh one with the same entries, to which more can be added."""
    entries = held(folder)
    mount("tmpfs", folder, kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=0755,size=1m")
    fill(folder, entries)


def held(folder: str) -> list[tuple[str, int, str]]:
    """The entries of a folder: name, opened, and where a link points to."""
    return [
        (
            entry.name,
            os.open(entry.path, os.O_PATH | os.O_NOFOLLOW),
            os.readlink(entry.path) if entry.is_symlink() else "",  # noqa: PTH115 - as above
        )
        for entry in os.scandir(folder)
    ]


def fill(folder: str, entries: Sequence[tuple[str, int, str]]) -> None:
    """Show held entries in a folder; links are made anew."""
    for name, descriptor, link in entries:
        target = f"{folder}/{name}"
        if link:
            os.symlink(link, target)  # noqa: PTH211 - as above
        else:
            place(descriptor, target, writable=True)
        os.close(descriptor)


def mount(source: str, target: str, *, kind: str = "none", flags: int = 0, data: str = "") -> None:
    """mount(2); raises StepError with what was tried."""
    check(
        f"mounting {target}",
        libc().mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()),
    )


def check(step: str, result: int) -> None:
    """Raise StepError when a call of the C library failed."""
    if result != 0:
        raise StepError(f"{step}: {os.strerror(ctypes.get_errno())}")


def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
