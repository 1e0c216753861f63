"""How each process of a platform reaches the API server: the same address, an identity of its own."""

from __future__ import annotations

from dataclasses import replace

from openfunction_py.kube import config
from openfunction_py.lib import home as homes


def of(home: homes.Home, user: str) -> config.Endpoint:
    """The endpoint of one user of a home: manager, node or gateway."""
    found = config.load(home.kubeconfig, context="openfunction")
    return replace(found, token=home.token(user).read_text().strip())
