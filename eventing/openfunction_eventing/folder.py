"""The mounted folder of documents that a program reads, and when it has changed.

JSON files at any depth, each with one document or a list; a file that cannot be read keeps its last good
documents. Kubernetes swaps a mounted folder as a whole, so what is seen is one version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from openfunction_eventing import component, log
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.documents import Dispatcher, DocumentError, Hosts, Source, Sources, Trigger

_LOG = log.get("folder")
# The system has no event for a file system of every kind; a folder of some hundred files costs a millisecond.
LOOK: Final = 0.5
SECRETS: Final = "secrets"
T = TypeVar("T")
_READ: Final[Mapping[str, Callable[[object], object]]] = {
    "Dispatcher": Dispatcher.from_json,
    "Sources": Sources.from_json,
    "Source": Source.from_json,
    "Trigger": Trigger.from_json,
    "Hosts": Hosts.from_json,
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What the folder holds; `faults` are sentences on documents that were left out."""

    found: tuple[object, ...] = ()
    faults: tuple[str, ...] = field(default=())

    def all(self, kind: type[T]) -> list[T]:
        """Every document of a kind."""
        return [one for one in self.found if isinstance(one, kind)]

    def one(self, kind: type[T]) -> T:
        """The only document of a kind; raises DocumentError when there is none, or more."""
        found = self.all(kind)
        if len(found) != 1:
            raise DocumentError(
                "", f"the folder has {len(found)} documents of kind {kind.__name__}; it needs one"
            )
        return found[0]

    def component(self, name: str) -> Component:
        """The Component of a name; raises DocumentError."""
        for one in self.all(Component):
            if one.name == name:
                return one
        there = ", ".join(one.name for one in self.all(Component)) or "none"
        raise DocumentError("component", f"there is no Component {name!r} in the folder; there are {there}")

    @property
    def hosts(self) -> Hosts:
        """Every table of names as one."""
        return Hosts({name: to for one in self.all(Hosts) for name, to in one.hosts.items()})


class Folder:
    """A folder and what was last good of each of its files."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._good: dict[Path, list[object]] = {}
        self._seen: tuple[tuple[str, int, int], ...] | None = None

    def read(self) -> Contents:
        """The documents as they are now."""
        faults: list[str] = []
        good: dict[Path, list[object]] = {}
        for path in self._files():
            try:
                good[path] = list(self._documents(path, faults))
            except (OSError, ValueError) as error:
                faults.append(f"{path.name}: {error}")
                good[path] = self._good.get(path, [])
        self._good = good
        for fault in faults:
            _LOG.error("a document cannot be used", fault=fault)
        return Contents(tuple(one for found in good.values() for one in found), tuple(faults))

    def _files(self) -> list[Path]:
        found = _mounted(self._path, "*.json")
        return [path for path in found if SECRETS not in path.relative_to(self._path).parts]

    def _documents(self, path: Path, faults: list[str]) -> Iterator[object]:
        held = orjson.loads(path.read_bytes())
        for number, one in enumerate(held if isinstance(held, list) else [held]):
            try:
                yield self._document(one)
            except (DocumentError, ComponentError) as error:
                faults.append(f"{path.name}[{number}]: {error}")

    def _document(self, document: Any) -> object:  # Any: whatever JSON the file holds
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind == "Component":
            return component.from_document(document, self._secret)
        read = _READ.get(str(kind))
        if read is None:
            raise DocumentError("kind", f"{kind!r} is unknown; use Component, {', '.join(_READ)}")
        return read(document)

    def _secret(self, _store: str, name: str, key: str) -> str | None:
        try:
            return (self._path / SECRETS / name / key).read_text()
        except OSError:
            return None

    def _mark(self) -> tuple[tuple[str, int, int], ...]:
        # Of secrets too, as Components hold what stands in them.
        return tuple(_stamp(path) for path in (*self._files(), *_mounted(self._path / SECRETS, "*")))

    def changed(self) -> bool:
        """Whether a file came, went or was written since the last call; true the first time."""
        mark = self._mark()
        changed, self._seen = mark != self._seen, mark
        return changed


def _mounted(folder: Path, names: str) -> list[Path]:
    """Files below a folder; names that begin with two dots are Kubernetes' own versions of the same files."""
    return sorted(
        path
        for path in folder.rglob(names)
        if not any(part.startswith("..") for part in path.relative_to(folder).parts)
    )


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), stat.st_mtime_ns, stat.st_ino)


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait; whether `stop` came first."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
