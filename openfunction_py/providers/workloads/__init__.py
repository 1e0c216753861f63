"""Kubernetes' workload controllers for the embedded platform: Deployments, ReplicaSets, endpoints, garbage.

They start nothing: a Pod is the node's to run.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.workloads import deployments, endpoints, garbage, namespaces, replicasets


def install(manager: managers.Manager) -> None:
    """Run every workload controller."""
    for part in (deployments, replicasets, endpoints, garbage, namespaces):
        part.install(manager)
