"""Logins through a program that a kubeconfig names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from openfunction_py.kube import config

PLUGIN = """
import json, pathlib
count = pathlib.Path({count!r})
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {{"token": f"token-{{number}}", "expirationTimestamp": "2020-01-01T00:00:00Z"}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""


def kubeconfig(folder: Path, program: str) -> Path:
    (folder / "plugin.py").write_text(program)
    plugin: dict[str, Any] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(folder / "plugin.py")],
        "interactiveMode": "Never",
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:1"}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
    }
    path = folder / "config"
    path.write_text(json.dumps(document))
    return path


def test_a_plugin_gives_a_token_and_is_asked_again_for_the_next(tmp_path: Path) -> None:
    found = config.load(kubeconfig(tmp_path, PLUGIN.format(count=str(tmp_path / "count"))))
    assert (found.server, found.namespace, found.bearer()) == ("https://host:1", "team", "token-1")
    assert found.refresh is not None
    assert found.refresh() == "token-2"


def test_a_plugin_that_fails_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    found = kubeconfig(tmp_path, "raise SystemExit('no login')")
    with pytest.raises(config.ConfigError, match="login of context here gave no credentials"):
        config.load(found)
