"""Trigger: one dispatcher per bus for all its Triggers, and for each Trigger whether it does its work."""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.reconcilers.trigger import dispatcher, reconciler


def install(manager: managers.Manager) -> None:
    """Add the controllers."""
    dispatcher.install(manager)
    reconciler.install(manager)
