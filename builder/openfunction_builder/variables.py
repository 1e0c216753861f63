"""What a layer does to an environment: folders of programs and libraries, and files that are variables.

The rules of the Buildpack API, for builds and for processes alike; it reads nothing but layers and one folder of files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

# Folders of a layer that are searched, and the variables that say so.
LAUNCH: Mapping[str, tuple[str, ...]] = {"bin": ("PATH",), "lib": ("LD_LIBRARY_PATH",)}
BUILD: Mapping[str, tuple[str, ...]] = {
    "bin": ("PATH",),
    "lib": ("LD_LIBRARY_PATH", "LIBRARY_PATH"),
    "include": ("CPATH",),
    "pkgconfig": ("PKG_CONFIG_PATH",),
}
_PATHS = frozenset(name for names in BUILD.values() for name in names)


def add_layers(
    env: dict[str, str], layers: Sequence[Path], searched: Mapping[str, tuple[str, ...]], *files: str
) -> None:
    """Let what is in the layers be found before what was found until now; then the `files`, folders of each layer."""
    for layer in layers:
        _search(env, layer, searched)
    for layer in layers:
        for folder in files:
            _add_files(env, layer / folder)


def _search(env: dict[str, str], layer: Path, searched: Mapping[str, tuple[str, ...]]) -> None:
    for folder, names in searched.items():
        if (layer / folder).is_dir():
            for name in names:
                _before(env, name, str(layer / folder), os.pathsep)


def _add_files(env: dict[str, str], folder: Path) -> None:
    """Files as variables: no suffix and .override replace, .default fills, .append and .prepend join with .delim.

    A file with another suffix is none.
    """
    for file in _files(folder):
        name, _, action = file.name.partition(".")
        value, current = _exactly(file), env.get(name, "")
        delimiter_file = folder / f"{name}.delim"
        delimiter = _exactly(delimiter_file) if delimiter_file.exists() else ""
        if action == "append":
            env[name] = current + delimiter + value if current else value
        elif action == "prepend":
            _before(env, name, value, delimiter)
        elif action == "default":
            env[name] = current or value
        elif action in ("", "override"):
            env[name] = value


def add_platform(env: dict[str, str], folder: Path) -> None:
    """Variables of the user: each replaces what there is, but for search paths, which it is put before."""
    for file in _files(folder):
        if file.name in _PATHS:
            _before(env, file.name, _exactly(file), os.pathsep)
        else:
            env[file.name] = _exactly(file)


def _exactly(file: Path) -> str:
    """A file's text with its line ends as they are."""
    return os.fsdecode(file.read_bytes())


def _before(env: dict[str, str], name: str, value: str, delimiter: str) -> None:
    env[name] = value + delimiter + env[name] if env.get(name) else value


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
