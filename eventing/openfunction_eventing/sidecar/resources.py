"""The documents of the resources folders: components for this app, declared subscriptions, retry policies.

It opens no component.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from openfunction_eventing import log
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import policies, subscriptions
from openfunction_eventing.sidecar.policies import Policy
from openfunction_eventing.sidecar.subscriptions import Subscription

_log = log.get("sidecar")
_FILES = frozenset({".yaml", ".yml", ".json"})
# Dapr's own kinds that a sidecar reads and this one has no use for.
_SILENT = frozenset({"Configuration", "HTTPEndpoint", "MCPServer", "WorkflowAccessPolicy"})


class ResourceError(EventingError):
    """A document of the resources folder cannot be used; it names the file."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one app has.

    Attributes:
        components: Component documents, as they are.
        subscriptions: those that are declared.
        policies: inbound policies by component.
    """

    components: tuple[Mapping[str, Any], ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)


def load(folders: Sequence[Path], *, app: str) -> Resources:
    """What the documents of the folders say to an app; those scoped to others are left out.

    Raises:
        ResourceError: a folder is missing, a file cannot be read, or a document is wrong.
    """
    documents = [one for folder in folders for one in _of_folder(folder)]
    ours = [(path, one) for path, one in documents if _is_for(one, app)]
    found: dict[str, Policy] = {}
    declared = []
    for path, one in ours:
        kind = one.get("kind")
        try:
            if kind == "Resiliency":
                found |= policies.of_document(one)
            elif kind == "Subscription":
                declared.append(subscriptions.of_document(one))
            elif kind != "Component" and kind not in _SILENT:
                _log.warning(
                    "a document of a kind that a sidecar does not know is left out",
                    kind=str(kind),
                    file=str(path),
                )
        except (ValueError, TypeError, AttributeError) as error:
            raise ResourceError(f"{path}: {error}") from error
    components = tuple(one for _, one in ours if one.get("kind") == "Component")
    _refuse_twice(components)
    return Resources(components, tuple(declared), found)


def _of_folder(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if not folder.is_dir():
        raise ResourceError(
            f"{folder}: there is no such folder; --resources-path names a folder of documents"
        )
    for path in sorted(one for one in folder.iterdir() if one.suffix in _FILES):
        try:
            for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                if isinstance(one, dict):
                    yield path, one
                elif one is not None:
                    raise ResourceError(f"{path}: a document is a mapping with kind and spec")
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ResourceError(f"{path}: it cannot be read: {error}") from error


def _is_for(document: Mapping[str, Any], app: str) -> bool:
    scopes = document.get("scopes") or ()
    return not scopes or app in scopes


def _refuse_twice(components: Iterable[Mapping[str, Any]]) -> None:
    seen = set()
    for one in components:
        name = (one.get("metadata") or {}).get("name")
        if name in seen:
            raise ResourceError(f"two components are named {name!r}; give each a name of its own")
        seen.add(name)
