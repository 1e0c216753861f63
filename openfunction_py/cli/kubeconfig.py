"""The user's kubeconfig: adds and removes the context of the local platform, and never changes the current one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from openfunction_py.lib import home as homes

NAME = "openfunction"


def user_path() -> Path:
    """The file kubectl writes to: the first of KUBECONFIG, or ~/.kube/config."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def add_context(home: homes.Home) -> None:
    """Put cluster, user and context of this home into the user's kubeconfig."""
    ours = yaml.safe_load(home.kubeconfig.read_text())
    path = user_path()
    theirs = _read(path)
    for section in ("clusters", "users", "contexts"):
        kept = [entry for entry in theirs.get(section) or [] if entry["name"] != NAME]
        theirs[section] = kept + [entry for entry in ours[section] if entry["name"] == NAME]
    _write(path, theirs)


def remove_context(home: homes.Home) -> None:
    """Take the context out again, unless it belongs to another home; call it before the home is removed."""
    path = user_path()
    theirs = _read(path)
    if not _is_of(theirs, home):
        return
    for section in ("clusters", "users", "contexts"):
        theirs[section] = [entry for entry in theirs.get(section) or [] if entry["name"] != NAME]
    _write(path, theirs)


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
    return loaded or {"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": ""}


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.ofn-part")
    part.touch(mode=0o600)
    part.write_text(yaml.safe_dump(value, sort_keys=False))
    part.replace(path)
