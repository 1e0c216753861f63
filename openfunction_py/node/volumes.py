"""The volumes of a Pod as folders of this machine: ConfigMaps, Secrets, empty folders.

It writes them when the Pod starts; a kind of volume it does not know is refused, naming it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from openfunction_py.api.upstream import core
from openfunction_py.node import environment, files, images, sandbox
from openfunction_py.node.environment import Sources
from openfunction_py.node.sandbox import Bind, Level

DEFAULT_MODE = 0o644


async def prepare(pod: core.Pod, folder: Path, *, sources: Sources, level: Level) -> None:
    """Write every volume of the Pod below `folder`; raises images.NotRunnableError."""
    for volume in pod.spec.volumes:
        target = folder / volume.name
        if volume.empty_dir is not None:
            _empty(target, level)
        else:
            found, items, mode = await _content(volume, sources)
            _fill(target, _files(volume.name, found, items), mode=mode, level=level)


def _empty(target: Path, level: Level) -> None:
    if not target.exists():
        files.open_folder(target.parent)
        target.mkdir()
        target.chmod(0o777)
        sandbox.give(target, level)


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
        f"the volume {volume.name} is of a kind this node cannot provide; use configMap, secret or emptyDir",
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
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise images.NotRunnableError("CreateContainerConfigError", f"the path {name} leaves its volume")
        path = target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(value)
        path.chmod(own_mode or mode)
        sandbox.give(path, level)


def binds(container: core.Container, folder: Path) -> list[Bind]:
    """Where a container sees its volumes."""
    found = []
    for mount in container.volume_mounts:
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
