"""The annotations by which a Pod gets a sidecar, as Dapr's injector reads them.

A user's own annotation wins over ours, except the one that says whether there is a sidecar at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from openfunction_py.api.servings import ServingSpec
from openfunction_py.resources import dapr_components

PREFIX = "dapr.io/"
ENABLED = f"{PREFIX}enabled"
APP_ID = f"{PREFIX}app-id"
APP_PORT = f"{PREFIX}app-port"
APP_PROTOCOL = f"{PREFIX}app-protocol"
LOG_AS_JSON = f"{PREFIX}log-as-json"
METRICS_PORT = f"{PREFIX}metrics-port"
ENABLE = "openfunction.io/enable-dapr"
# The volume in which a function and a sidecar of ours meet. A node that cannot show it at its mount path, as to forks,
# shows it elsewhere and says so in the arguments and variables that name a path in it.
SOCKETS = "dapr-sockets"
SOCKETS_PATH = "/run/dapr"
HTTP_PORT, GRPC_PORT = 3500, 50001
# What the embedded platform tells an app beside its sidecar's address; alike in every Pod, and in no Deployment.
TOLD: Mapping[str, str] = {
    "DAPR_HTTP_PORT": str(HTTP_PORT),
    "DAPR_GRPC_PORT": str(GRPC_PORT),
    "OFN_APP_SOCKET": f"{SOCKETS_PATH}/app.sock",
    "OFN_DAPR_SOCKET": f"{SOCKETS_PATH}/api.sock",
}
# Every framework that reads APP_PROTOCOL speaks this one without further packages.
PROTOCOL = "http"
# Knative's own queue-proxy has Dapr's usual port.
KNATIVE_METRICS_PORT = "19090"
_TRUE = frozenset({"y", "yes", "true", "on", "1"})


def is_asked(annotations: Mapping[str, str]) -> bool:
    """Whether a Pod with these annotations gets a sidecar, by Dapr's own reading."""
    return str(annotations.get(ENABLED, "")).lower() in _TRUE


def is_used(spec: ServingSpec) -> bool:
    """Whether the function has a sidecar: `openfunction.io/enable-dapr` decides, else what it declares."""
    said = spec.annotations.get(ENABLE)
    if said is not None:
        return said.lower() != "false"
    triggers = spec.triggers
    return bool((triggers and (triggers.dapr or triggers.inputs)) or spec.outputs or spec.states)


def protocol(spec: ServingSpec) -> str:
    """How the sidecar speaks to the function."""
    return spec.annotations.get(APP_PROTOCOL, PROTOCOL)


def annotations_of(spec: ServingSpec, *, function: str, namespace: str, port: int) -> dict[str, str]:
    """Annotations of the function's Pods; empty without a sidecar."""
    if not is_used(spec):
        return {}
    own = {
        APP_ID: dapr_components.app_id(function, namespace),
        APP_PORT: str(port),
        APP_PROTOCOL: PROTOCOL,
        LOG_AS_JSON: "true",
    }
    given = {key: value for key, value in spec.annotations.items() if key.startswith(PREFIX)}
    return {**own, **given, ENABLED: "true"}
