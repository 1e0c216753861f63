"""The volumes of a Pod as folders of this machine: ConfigMaps, Secrets, empty folders, volume claims.

It writes them when the Pod starts and what changed later into the same files; a kind of volume it does not know is
refused, naming it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from openfunction_py.api.upstream import core, storage
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import naming
from openfunction_py.lib.home import Home
from openfunction_py.node import environment, files, images, sandbox
from openfunction_py.node.environment import Sources
from openfunction_py.node.sandbox import Bind, Level
from openfunction_py.resources import sidecars

DEFAULT_MODE = 0o644
VOLUMES = "volumes"  # in a Pod's folder
OPEN, CLOSED = 0o777, 0o700


class Disk:
    """The volumes of one Pod, which all its containers share."""

    def __init__(self, pod: core.Pod, folder: Path, *, home: Home, client: Client, level: Level) -> None:
        """Make them below `folder`; a claim's own folder and that of sockets lie elsewhere in the home."""
        self._pod = pod
        self._folder = folder
        self._home = home
        self._client = client
        self._level = level
        self._prepared = False
        self._one = asyncio.Lock()

    def _sources(self) -> Sources:
        return Sources(self._client, self._pod.metadata.namespace)

    async def prepare(self) -> None:
        """Make every volume, once; raises images.NotRunnableError."""
        async with self._one:
            for volume in () if self._prepared else self._pod.spec.volumes:
                await self._make(volume, self._sources())
            self._prepared = True

    async def _make(self, volume: core.Volume, sources: Sources) -> None:
        target = self._folder / volume.name
        if is_sockets(volume):
            meta = self._pod.metadata
            place = sockets_of(self._home, meta.namespace) / naming.digest_of([meta.uid], length=10)
            # the link first: by it `discard` finds the folder of a node that is killed in between
            _point(_link(self._folder), place)
            _empty(place, self._level, mode=CLOSED)
        elif volume.empty_dir is not None:
            _empty(target, self._level)
        elif volume.persistent_volume_claim is not None:
            place = await self._claimed(volume.persistent_volume_claim.claim_name)
            _empty(place, self._level)
            _point(target, place)
        else:
            found, items, mode = await _content(volume, sources)
            _fill(target, _files(volume.name, found, items), mode=mode, level=self._level)

    async def _claimed(self, name: str) -> Path:
        """The folder of a claim: another for a claim made anew under the same name."""
        namespace = self._pod.metadata.namespace
        try:
            claim = await self._client.get(storage.PersistentVolumeClaim, name, namespace=namespace)
        except errors.NotFound as error:
            raise environment.missing("PersistentVolumeClaim", name, namespace) from error
        return self._home.claims / claim.metadata.uid

    async def refresh(self, kind: str, name: str) -> None:
        """Bring the volumes of one ConfigMap or Secret up to date, as the running containers see them."""
        async with self._one:
            for volume in self._pod.spec.volumes if self._prepared else ():
                if source_of(volume) == (kind, name):
                    found, items, mode = await _content(volume, self._sources())
                    content = _files(volume.name, found, items)
                    _replace(self._folder / volume.name, content, mode=mode, level=self._level)


def source_of(volume: core.Volume) -> tuple[str, str] | None:
    """Kind and name of the object whose content a volume shows."""
    if volume.config_map is not None:
        return "ConfigMap", volume.config_map.name
    return ("Secret", volume.secret.secret_name) if volume.secret is not None else None


def sockets_of(home: Home, namespace: str) -> Path:
    """Where the folders of sockets of a namespace's Pods lie, by a path that is short enough for a socket below it.

    Templates are shown all of it, as it is made before the Pods that are forked from them.
    """
    return home.sockets / naming.digest_of([namespace], length=6)


def _empty(target: Path, level: Level, *, mode: int = OPEN) -> None:
    if not target.exists():
        files.open_folder(target.parent)
        target.mkdir()
        target.chmod(mode)
        sandbox.give(target, level)


def _point(target: Path, place: Path) -> None:
    files.open_folder(target.parent)
    target.unlink(missing_ok=True)
    target.symlink_to(place)


async def _content(
    volume: core.Volume, sources: Sources
) -> tuple[Mapping[str, bytes], Sequence[core.KeyToPath], int]:
    if (config := volume.config_map) is not None:
        found = await sources.config_map(config.name)
        if found is None and not config.optional:
            raise environment.missing("ConfigMap", config.name, sources.namespace)
        return found or {}, config.items, config.default_mode or DEFAULT_MODE
    if (secret := volume.secret) is not None:
        found = await sources.secret(secret.secret_name)
        if found is None and not secret.optional:
            raise environment.missing("Secret", secret.secret_name, sources.namespace)
        return found or {}, secret.items, secret.default_mode or DEFAULT_MODE
    raise images.NotRunnableError(
        "VolumeNotSupported",
        f"the volume {volume.name} is of a kind this node cannot provide; use configMap, secret, emptyDir or "
        "persistentVolumeClaim",
    )


def _files(
    volume: str, found: Mapping[str, bytes], items: Sequence[core.KeyToPath]
) -> dict[str, tuple[bytes, int | None]]:
    if not items:
        return {key: (value, None) for key, value in found.items()}
    lacking = [item.key for item in items if item.key not in found]
    if lacking:
        raise images.NotRunnableError(
            "CreateContainerConfigError",
            f"the volume {volume} asks for the keys {lacking}, which are not there",
        )
    return {item.path: (found[item.key], item.mode) for item in items}


def _fill(target: Path, content: Mapping[str, tuple[bytes, int | None]], *, mode: int, level: Level) -> None:
    files.fresh_folder(target, mode=0o755)
    for name, (value, own_mode) in content.items():
        _write(_inside(target, name), value, mode=own_mode or mode, level=level)


def _inside(target: Path, name: str) -> Path:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise images.NotRunnableError("CreateContainerConfigError", f"the path {name} leaves its volume")
    return target / relative


def _write(path: Path, value: bytes, *, mode: int, level: Level) -> None:
    """A whole file or none: whoever reads while it is replaced sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
    part.chmod(mode)
    sandbox.give(part, level)
    part.replace(path)


def _replace(
    target: Path, content: Mapping[str, tuple[bytes, int | None]], *, mode: int, level: Level
) -> None:
    """Change the files of a volume in place: the folder itself is what running containers were shown."""
    wanted = {_inside(target, name): (value, own or mode) for name, (value, own) in content.items()}
    for path, (value, file_mode) in wanted.items():
        if not path.is_file() or path.read_bytes() != value:
            _write(path, value, mode=file_mode, level=level)
    for path in [one for one in target.rglob("*") if one.is_file() and one not in wanted]:
        path.unlink(missing_ok=True)


def is_sockets(volume: core.Volume) -> bool:
    """Whether a volume is the folder in which a function and its sidecar meet."""
    return volume.name == sidecars.SOCKETS and volume.empty_dir is not None


def sockets(container: core.Container, folder: Path) -> list[Bind]:
    """The folder of sockets that a container shares, and where it is told to look for it."""
    return [
        Bind(_link(folder).readlink(), mount.mount_path, writable=True)
        for mount in container.volume_mounts
        if _is_of_sockets(mount, folder)
    ]


def at_sockets(word: str, sockets: Sequence[Bind]) -> str:
    """A path in the folder of sockets as it is on this machine; any other word as it is."""
    for one in sockets:
        target = one.target.rstrip("/") + "/"
        if word.startswith(target):
            return str(one.source / word.removeprefix(target))
    return word


def _is_of_sockets(mount: core.VolumeMount, folder: Path) -> bool:
    """Whether a mount is of the folder of sockets, which all of the Pod see at one path."""
    return mount.name == sidecars.SOCKETS and _link(folder).is_symlink()


def _link(folder: Path) -> Path:
    """Beside a Pod's volumes, where none of its volumes can have the name."""
    return folder.with_name("sockets")


def discard(pod: Path) -> None:
    """Remove a Pod's folder with its volumes, and its folder of sockets; claims stay."""
    if (link := _link(pod / VOLUMES)).is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
    shutil.rmtree(pod, ignore_errors=True)


def binds(container: core.Container, folder: Path) -> list[Bind]:
    """Where a container sees its volumes, but for the folder of sockets."""
    found = []
    for mount in container.volume_mounts:
        if _is_of_sockets(mount, folder):
            continue
        source = folder / mount.name
        if ".." in PurePosixPath(mount.sub_path).parts or mount.sub_path.startswith("/"):
            raise images.NotRunnableError(
                "CreateContainerConfigError", f"the subPath {mount.sub_path} leaves its volume"
            )
        if mount.sub_path:
            source = source / mount.sub_path
        if source.exists():
            found.append(
                Bind(source, mount.mount_path, writable=not mount.read_only and _is_writable(source))
            )
    return found


def _is_writable(path: Path) -> bool:
    return path.is_dir() and bool(path.stat().st_mode & 0o002)
