"""Shipwright's part of the embedded platform: Builds checked, BuildRuns run as Pods.

It knows no buildpack: the builder in the Pod does.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.shipwright import builds, runs


def install(manager: managers.Manager) -> None:
    """Run both controllers."""
    for part in (builds, runs):
        part.install(manager)
