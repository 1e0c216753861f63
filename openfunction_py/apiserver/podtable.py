"""Cells of a Pod's row: readiness, status and restarts are computed, as kube-apiserver's printer does.

It reads a Pod and prints; after k8s.io/kubernetes/pkg/printers/internalversion.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import columns

Document = dict[str, Any]

COLUMNS = (
    columns.Column("Ready", "string", "", 0),
    columns.Column("Status", "string", "", 0),
    columns.Column("Restarts", "string", "", 0),
    columns.Column("Age", "string", "", 0),
    columns.Column("IP", "string", "", 1),
    columns.Column("Node", "string", "", 1),
)


def cells(pod: Document, *, age: str) -> list[Any]:
    """The cells behind Name."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = sum(1 for container in containers if container.get("ready"))
    restarts = sum(int(container.get("restartCount") or 0) for container in containers)
    return [
        f"{ready}/{len(spec.get('containers') or [])}",
        reason(pod),
        str(restarts),
        age,
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
    ]


def reason(pod: Document) -> str:
    """The word in the Status column."""
    status = pod.get("status") or {}
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return "Terminating"
    word = status.get("reason") or status.get("phase") or "Pending"
    for container in reversed(status.get("containerStatuses") or []):
        word = _of_container(container.get("state") or {}) or word
    return str(word)


def _of_container(state: Document) -> str:
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    if waiting.get("reason"):
        return str(waiting["reason"])
    if not terminated:
        return ""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"
