"""Knative Serving's part of the embedded platform: Services to Deployments, and their scale.

It writes what Knative writes and forwards no request.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.knative import (
    autoscalers,
    configurations,
    labeler,
    revisions,
    routes,
    serverless,
    services,
)


def install(manager: managers.Manager, *, loads: autoscalers.Loads) -> None:
    """Run every controller of the chain; ``loads`` is where measured load comes from."""
    for part in (services, configurations, revisions, routes, labeler, serverless):
        part.install(manager)
    autoscalers.install(manager, loads=loads)
