"""Buildpacks as the lifecycle knows them: their descriptors, and the groups in which they are tried.

It runs none of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openfunction_builder import reasons

APIS = ("0.10", "0.11")
FORBIDDEN_IDS = frozenset({"app", "config", "generated", "sbom"})


@dataclass(frozen=True, slots=True)
class Buildpack:
    """One buildpack; with `clear_env` it gets the user's variables as files alone."""

    id: str
    version: str
    name: str
    folder: Path
    clear_env: bool = False

    @property
    def key(self) -> str:
        """Its folder's name below the layers."""
        return self.id.replace("/", "_")


@dataclass(frozen=True, slots=True)
class Member:
    """A buildpack's place in a group."""

    buildpack: Buildpack
    optional: bool = False


def read(folder: Path) -> Buildpack:
    """Read a buildpack's descriptor.

    Raises:
        BuildError: BuildFailed, the descriptor is not one that this lifecycle runs.
    """
    try:
        document = tomllib.loads((folder / "buildpack.toml").read_text())
        about = document["buildpack"]
        found = Buildpack(
            about["id"],
            about["version"],
            about.get("name", about["id"]),
            folder,
            bool(about.get("clear-env")),
        )
    except (FileNotFoundError, KeyError, tomllib.TOMLDecodeError) as error:
        raise reasons.BuildError("BuildFailed", f"{folder.name} is no buildpack: {error!r}") from error
    if document.get("api") not in APIS:
        raise reasons.BuildError(
            "BuildFailed",
            f"the buildpack {found.id} has the API {document.get('api')}; this lifecycle runs {', '.join(APIS)}",
        )
    if found.id in FORBIDDEN_IDS:
        raise reasons.BuildError("BuildFailed", f"a buildpack cannot have the id {found.id!r}; it is taken")
    return found


def groups(root: Path) -> list[list[Member]]:
    """The groups of order.toml, or each buildpack alone where there is none.

    Raises:
        BuildError: BuildFailed, the order names a buildpack that is not there.
    """
    known = {found.id: found for found in _all(root)}
    try:
        document = tomllib.loads((root / "order.toml").read_text())
    except FileNotFoundError:
        return [[Member(found)] for found in known.values()]
    return [
        [_member(entry, known) for entry in order.get("group", [])] for order in document.get("order", [])
    ]


def _member(entry: dict[str, Any], known: dict[str, Buildpack]) -> Member:
    found = known.get(entry.get("id", ""))
    if found is None or entry.get("version") not in (None, found.version):
        raise reasons.BuildError(
            "BuildFailed", f"order.toml names {entry.get('id')} {entry.get('version')}, which is not there"
        )
    return Member(found, bool(entry.get("optional")))


def _all(root: Path) -> Iterator[Buildpack]:
    for folder in sorted(root.iterdir()):
        if folder.is_dir():
            yield read(folder)
