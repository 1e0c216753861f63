"""Kubernetes' workload controllers for the embedded platform: Deployments, StatefulSets, Jobs, endpoints, garbage.

They start nothing: a Pod is the node's to run.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.workloads import (
    claims,
    deployments,
    endpoints,
    garbage,
    jobs,
    namespaces,
    replicasets,
    statefulsets,
)  # fmt: skip


def install(manager: managers.Manager) -> None:
    """Run every workload controller."""
    for part in (deployments, replicasets, statefulsets, claims, jobs, endpoints, garbage, namespaces):
        part.install(manager)
