"""What the node remembers of its Pods across its own restarts, one file per Pod.

It keeps no environment and no Secret; a record that cannot be read counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from openfunction_py.node import files
from openfunction_py.node.processes import Identity

FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a container ended; times are RFC 3339."""

    exit_code: int
    reason: str
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """One container: its run under way, if any, and the one before."""

    restarts: int = 0
    failures: int = 0
    runtime: str = ""
    why: str = ""
    level: str = ""
    template: str = ""
    image_id: str = ""
    identity: Identity | None = None
    started_at: str | None = None
    ready: bool = False
    last: Ended | None = None
    done: bool = False


@dataclass(slots=True)
class PodRecord:
    """A Pod: its address, when it began, and its containers."""

    uid: str
    namespace: str
    name: str
    address: str = ""
    started_at: str | None = None
    failed: tuple[str, str] | None = None
    containers: dict[str, ContainerRecord] = field(default_factory=dict)

    def save(self, pods: Path) -> None:
        """Write the record into the Pod's folder."""
        folder = pods / self.uid
        files.open_folder(folder)
        files.write_json(folder / FILE, asdict(self))


def load(folder: Path) -> PodRecord | None:
    """The record in a Pod's folder."""
    value = files.read_json(folder / FILE)
    if value is None:
        return None
    try:
        containers = {name: _container(one) for name, one in value["containers"].items()}
        failed = value.get("failed")
        return PodRecord(
            uid=value["uid"],
            namespace=value["namespace"],
            name=value["name"],
            address=value["address"],
            started_at=value["started_at"],
            failed=(failed[0], failed[1]) if failed else None,
            containers=containers,
        )
    except (KeyError, TypeError, AttributeError):
        return None


def load_all(pods: Path) -> list[tuple[Path, PodRecord | None]]:
    """Every Pod's folder and the record in it."""
    return [(folder, load(folder)) for folder in pods.iterdir()]


def images(pods: Path) -> set[str]:
    """Digests of the images that the containers of recorded Pods were last started from."""
    found = [record for _, record in load_all(pods) if record is not None]
    return {one.image_id for record in found for one in record.containers.values() if one.image_id}


def _container(value: Mapping[str, Any]) -> ContainerRecord:
    plain = {name: value[name] for name in ContainerRecord.__dataclass_fields__ if name in value}
    plain["identity"] = Identity.from_record(value["identity"]) if value.get("identity") else None
    plain["last"] = Ended(**value["last"]) if value.get("last") else None
    return ContainerRecord(**plain)
