"""An OCI image layout on disk: blobs by digest and names for manifests.

Files appear whole or not at all, and one writer at a time changes the index; it knows nothing of what images hold.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from openfunction_builder import archive, clock

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "org.opencontainers.image.ref.name"
FOR_OBJECTS = "org.openfunction.for-objects"
GRACE_SECONDS = 24 * 3600.0
Descriptor = dict[str, Any]


class ImageError(Exception):
    """An image or blob is not there, or not what its digest says."""


class Layout:
    """An OCI layout in a folder, made when it is first written to."""

    def __init__(self, path: Path) -> None:
        """Use a folder."""
        self.path = path

    def blob(self, digest: str) -> Path:
        """The path of a blob, whether it is there or not.

        Raises:
            ImageError: the digest is none.
        """
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ImageError(f"{digest!r} is no digest; write sha256: and 64 hexadecimal digits")
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def write_blob(self, content: bytes, media_type: str) -> Descriptor:
        """Store bytes."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if not self.use_blob(digest):
            self.stream_blob(lambda out: out.write(content), media_type)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def stream_blob(self, write: Callable[[archive.Digesting], object], media_type: str) -> Descriptor:
        """Store what `write` writes, under the digest it turns out to have."""
        self._make()
        handle, name = tempfile.mkstemp(dir=self.path / "blobs", prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                out = archive.Digesting(file)
                write(out)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            with self.locked():  # collecting must not take it for the older blob of this digest
                Path(name).replace(self.blob(out.digest))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return {"mediaType": media_type, "digest": out.digest, "size": out.size}

    @contextlib.contextmanager
    def open_blob(self, digest: str) -> Iterator[IO[bytes]]:
        """A blob's content, checked before it is given out.

        Raises:
            ImageError: it is not there, or not what its digest says.
        """
        try:
            file = self.blob(digest).open("rb")
        except FileNotFoundError as error:
            raise ImageError(f"{digest} is not in the image store; build the image again") from error
        with file:
            if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
                raise ImageError(_damaged(digest))
            file.seek(0)
            yield file

    def use_blob(self, digest: str) -> bool:
        """Whether a blob is there; if it is, collecting leaves it alone for a while."""
        path = self.blob(digest)
        if not path.exists():
            return False
        try:
            with self.locked():  # else it could go between the look that found it old and its removal
                os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def read_json(self, digest: str) -> dict[str, Any]:
        """A blob that is a document.

        Raises:
            ImageError: it is not there.
        """
        try:
            content = self.blob(digest).read_bytes()
        except FileNotFoundError as error:
            raise ImageError(f"{digest} is not in the image store") from error
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise ImageError(_damaged(digest))
        found: dict[str, Any] = json.loads(content)
        return found

    def resolve(self, name: str) -> str | None:
        """The digest of a name, of `name@sha256:…`, or of a digest; None when there is no such image."""
        name, _, digest = name.rpartition("@") if "@" in name else (name, "", "")
        if digest or name.startswith("sha256:"):
            wanted = digest or name
            return wanted if self.blob(wanted).exists() else None
        named = self.names()
        return next((named[one] for one in _spellings(name) if one in named), None)

    def names(self) -> dict[str, str]:
        """Every name and the digest it stands for."""
        return {
            name: str(entry["digest"]) for entry in self._index()["manifests"] if (name := _name_of(entry))
        }

    def read_manifest(self, name: str) -> dict[str, Any]:
        """The manifest of a name or digest.

        Raises:
            ImageError: there is none.
        """
        digest = self.resolve(name)
        if digest is None:
            raise ImageError(f"the image {name} is not in the image store")
        return self.read_json(digest)

    def tag(self, name: str, descriptor: Descriptor, *, for_objects: bool = False) -> None:
        """Give a manifest a name; the manifest that had it stays reachable by its digest.

        A name `for_objects` was made for a Function and may go with it; any other stays until somebody takes it away.
        """
        with self.locked():
            index = self._index()
            mark = {FOR_OBJECTS: "true"} if for_objects else {}
            named = {**descriptor, "annotations": {NAME: name, **mark}}
            index["manifests"] = [*_without(index["manifests"], name, descriptor["digest"]), named]
            self._write("index.json", index)

    def collect(
        self,
        keep: Callable[[str], bool],
        *,
        grace: float = GRACE_SECONDS,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> int:
        """Remove unnamed manifests that nobody keeps, and blobs that no manifest needs; returns the bytes freed.

        A name made for objects that is not `wanted` counts as none. What was written, used or wanted within the last
        `grace` seconds stays: a build under way may be about to name it, and a Function may come back.
        """
        oldest = clock.wall() - grace
        freed = 0
        with self.locked():
            index = self._index()
            index["manifests"] = [
                entry
                for entry in index["manifests"]
                if self._is_named(entry, wanted)
                or keep(entry["digest"])
                or self._is_young(entry["digest"], oldest)
            ]
            needed = {digest for entry in index["manifests"] for digest in self._needs(entry["digest"])}
            self._write("index.json", index)
            for blob in (*(self.path / "blobs" / "sha256").iterdir(), *(self.path / "blobs").glob(".part-*")):
                if f"sha256:{blob.name}" not in needed:
                    freed += _remove_old(blob, oldest)
        return freed

    def _is_named(self, entry: Descriptor, wanted: Callable[[str], bool]) -> bool:
        """Whether a name holds a manifest; one that objects want is noted as used."""
        name = _name_of(entry)
        if not name or FOR_OBJECTS not in entry["annotations"]:
            return bool(name)
        if not wanted(name):
            return False
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.blob(entry["digest"]))
        return True

    def _is_young(self, digest: str, oldest: float) -> bool:
        try:
            return self.blob(digest).stat().st_mtime >= oldest
        except FileNotFoundError:
            return False

    def _needs(self, digest: str) -> list[str]:
        """A manifest and the blobs it names; one that is missing or damaged names none."""
        try:
            manifest = self.read_json(digest)
        except ImageError:
            return [digest]
        return [digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the layout's lock; other processes wait."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._fill()
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        if not (self.path / "oci-layout").exists():
            with self.locked():
                pass

    def _fill(self) -> None:
        """What an empty layout holds; the caller has the lock."""
        if (self.path / "oci-layout").exists():
            return
        (self.path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        if not (self.path / "index.json").exists():
            self._write("index.json", {"schemaVersion": 2, "manifests": []})
        self._write("oci-layout", {"imageLayoutVersion": "1.0.0"})

    def _index(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.path / "index.json").read_text())
        except FileNotFoundError:
            found = {"schemaVersion": 2, "manifests": []}
        return found

    def _write(self, name: str, value: dict[str, Any]) -> None:
        part = self.path / f".{name}.part"
        try:
            with part.open("w") as file:
                json.dump(value, file)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(self.path / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _remove_old(blob: Path, oldest: float) -> int:
    """The bytes freed: none when it is young, or went meanwhile, as a part does whose write failed."""
    try:
        about = blob.stat()
        if about.st_mtime >= oldest:
            return 0
        blob.unlink()
    except FileNotFoundError:
        return 0
    return about.st_size


def _damaged(digest: str) -> str:
    return f"{digest} is damaged in the image store; build the image again"


def _name_of(entry: Descriptor) -> str:
    return str((entry.get("annotations") or {}).get(NAME, ""))


def _spellings(name: str) -> tuple[str, ...]:
    """A name as it is given, and with or without the tag that goes without saying."""
    if name.endswith(":latest"):
        return name, name.removesuffix(":latest")
    return (name,) if ":" in name.rpartition("/")[2] else (name, f"{name}:latest")


def _without(entries: list[Descriptor], name: str, digest: str) -> list[Descriptor]:
    """The entries of an index after a name was taken from whoever had it; unnamed ones stand there once."""
    kept: dict[tuple[str, str], Descriptor] = {}
    for entry in entries:
        owner = _name_of(entry)
        if owner in _spellings(name):
            owner = ""
        bare = {key: value for key, value in entry.items() if key != "annotations"}
        if owner or entry["digest"] != digest:
            kept[owner, "" if owner else entry["digest"]] = entry if owner else bare
    return list(kept.values())
