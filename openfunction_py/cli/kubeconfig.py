"""The user's kubeconfig: adds and removes the context of the local platform, and never changes the current one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from openfunction_py.cli import failures
from openfunction_py.lib import home as homes

NAME = "openfunction"


def user_path() -> Path:
    """The file kubectl writes to: the first of KUBECONFIG, or ~/.kube/config."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def add_context(home: homes.Home) -> None:
    """Put cluster, user and context of this home into the user's kubeconfig.

    Raises:
        Failure: the file cannot be read or written, or is none.
    """
    ours = yaml.safe_load(home.kubeconfig.read_text())
    path = user_path()
    theirs = _read(path)
    for section in ("clusters", "users", "contexts"):
        theirs[section] = _others(theirs, section) + [
            entry for entry in ours[section] if entry["name"] == NAME
        ]
    _write(path, theirs)


def remove_context(home: homes.Home) -> None:
    """Take the context out again, unless it belongs to another home; call it before the home is removed."""
    path = user_path()
    theirs = _read(path)
    if not _is_of(theirs, home):
        return
    for section in ("clusters", "users", "contexts"):
        theirs[section] = _others(theirs, section)
    _write(path, theirs)


def _others(config: dict[str, Any], section: str) -> list[dict[str, Any]]:
    return [entry for entry in config.get(section) or [] if entry.get("name") != NAME]


def _is_of(config: dict[str, Any], home: homes.Home) -> bool:
    try:
        ours = yaml.safe_load(home.kubeconfig.read_text())["clusters"]
    except FileNotFoundError:
        return False
    return any(entry in ours for entry in config.get("clusters") or [])


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        loaded = None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise failures.Failure(f"the kubeconfig {path} cannot be read: {error}") from error
    if loaded is not None and not _is_kubeconfig(loaded):
        raise failures.Failure(f"{path} is no kubeconfig; set KUBECONFIG to one, or to a new file")
    return loaded or {"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": ""}


def _is_kubeconfig(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(section) or [], list)
        and all(isinstance(e, dict) for e in value.get(section) or [])
        for section in ("clusters", "users", "contexts")
    )


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write the file, whole or not at all; where it is a link, what it points to."""
    place = path.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=".ofn-", delete=False) as part:
            yaml.safe_dump(value, part, sort_keys=False)
        Path(part.name).replace(place)
    except OSError as error:
        raise failures.Failure(f"the kubeconfig {path} cannot be written: {error.strerror}") from error
