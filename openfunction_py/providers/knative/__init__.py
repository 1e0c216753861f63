"""Knative Serving's part of the embedded platform: Services to Deployments, and their scale.

It writes what Knative writes and forwards no request.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.knative import (
    autoscalers,
    configurations,
    ingress,
    labeler,
    revisions,
    routes,
    serverless,
    services,
)


def install(
    manager: managers.Manager,
    *,
    loads: autoscalers.Loads,
    gateways_say: ingress.Following | None = None,
) -> None:
    """Run every controller of the chain.

    ``loads`` is where measured load comes from, ``gateways_say`` what is routed; without it Routes wait for no gateway.
    """
    for part in (services, configurations, revisions, labeler, serverless):
        part.install(manager)
    routes.install(manager, gateways_say=gateways_say)
    autoscalers.install(manager, loads=loads)
