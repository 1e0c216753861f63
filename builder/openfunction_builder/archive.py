"""Reproducible tar archives of folders: the same files give the same bytes on every machine.

Times are those of upstream's lifecycle (one second after 1980), owners are nobody in particular.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

MTIME = 315532801  # 1980-01-01T00:00:01Z


class ArchiveError(Exception):
    """An archive that is damaged, or would write outside its folder."""


class Digesting:
    """A writer that counts and digests what passes."""

    def __init__(self, inner: IO[bytes]) -> None:
        """Write through to another file."""
        self._inner, self._hash, self.size = inner, hashlib.sha256(), 0

    def write(self, content: bytes) -> int:
        """Pass bytes on."""
        self._hash.update(content)
        self.size += len(content)
        return self._inner.write(content)

    @property
    def digest(self) -> str:
        """sha256:… of everything written."""
        return f"sha256:{self._hash.hexdigest()}"


def write_folder(
    out: Digesting, folder: Path, *, at: str, keep: Callable[[str], bool] = lambda _: True
) -> None:
    """Write a folder's files below a path of the archive, with that path's parents, in sorted order."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for parent in _parents(at):
            archive.addfile(_folder_entry(parent))
        for path, name in _walk(folder, ""):
            if keep(name):
                _add(archive, path, f"{at.strip('/')}/{name}" if at.strip("/") else name)


def _parents(at: str) -> Iterator[str]:
    parts = [part for part in at.split("/") if part]
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])


def _walk(folder: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = f"{prefix}{entry.name}"
        yield Path(entry.path), name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/")


def _folder_entry(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, MTIME
    return entry


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        archive.addfile(_folder_entry(name))
        return
    entry = tarfile.TarInfo(name)
    entry.mtime = MTIME
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        archive.addfile(entry)
    elif stat.S_ISREG(found.st_mode):
        entry.size, entry.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
        with path.open("rb") as content:
            archive.addfile(entry, content)


def extract(source: IO[bytes], folder: Path) -> None:
    """Unpack an archive below a folder; entries that would leave it are refused.

    Raises:
        ArchiveError: the archive is damaged or wants to leave the folder.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|*") as archive:
            _extract_all(archive, folder)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"the archive cannot be unpacked: {error}") from error


def _extract_all(archive: tarfile.TarFile, folder: Path) -> None:
    if hasattr(tarfile, "tar_filter"):
        archive.extractall(folder, filter="tar")
        return
    # Python before 3.11.4 has no filters: the one rule that matters is kept by hand
    root = folder.resolve()
    for entry in archive:
        if not (root / entry.name).resolve().is_relative_to(root):
            raise tarfile.TarError(f"{entry.name!r} would be written outside the folder")
        archive.extract(entry, folder)
