"""Dapr's own `daprd` as the container beside an app, from the same annotations and documents as ours.

Pure. It needs nobody but its Pod and what its components name: no control plane, no placement, no multicast.
"""

from __future__ import annotations

from openfunction_py.providers.dapr import injection
from openfunction_py.providers.dapr.injection import ADDRESS, PREFIX, Document

IMAGE = "daprio/daprd"
INTERNAL_PORT = 50002
# Not with the suffix of documents: daprd starts anew when there is one of this kind among them and any of them changes.
CONFIG = "configuration.json"
_FLAGS = {
    "app-port": "--app-port",
    "app-protocol": "--app-protocol",
    "app-max-concurrency": "--app-max-concurrency",
    "log-level": "--log-level",
    "max-body-size": "--max-body-size",
    "read-buffer-size": "--read-buffer-size",
    "graceful-shutdown-seconds": "--dapr-graceful-shutdown-seconds",
    "block-shutdown-duration": "--dapr-block-shutdown-duration",
    "app-health-check-path": "--app-health-check-path",
    "app-health-probe-interval": "--app-health-probe-interval",
    "app-health-probe-timeout": "--app-health-probe-timeout",
    "app-health-threshold": "--app-health-threshold",
}
_SWITCHES = ("log-as-json", "enable-api-logging", "enable-app-health-check")


def container(pod: Document, annotations: Document) -> Document:
    """The container for a Pod; an annotation that daprd has a flag for becomes that flag."""
    named = [
        f"{flag}={annotations[PREFIX + key]}" for key, flag in _FLAGS.items() if annotations.get(PREFIX + key)
    ]
    switched = [f"--{key}" for key in _SWITCHES if annotations.get(PREFIX + key) == "true"]
    args = [
        *("--mode", "standalone", "--app-id", injection.app_id(pod, annotations)),
        *("--config", f"{injection.FOLDER}/{CONFIG}", "--resources-path", injection.FOLDER),
        *("--app-channel-address", "$(POD_IP)", "--dapr-listen-addresses", "$(POD_IP)"),
        *("--dapr-http-port", str(injection.HTTP_PORT), "--dapr-grpc-port", str(injection.GRPC_PORT)),
        *("--dapr-internal-grpc-port", str(INTERNAL_PORT)),
        *("--dapr-internal-grpc-listen-address", "$(POD_IP)", "--enable-metrics=false"),
        *named,
        *switched,
    ]
    made = injection.container(IMAGE, args)
    made["terminationMessagePolicy"] = "FallbackToLogsOnError"  # it leaves its reasons in its log
    made["env"].append({"name": "DAPR_HOST_IP", **ADDRESS})
    made["ports"].append({"name": "dapr-internal", "containerPort": INTERNAL_PORT})
    return made


def configuration() -> Document:
    """What it reads beside the components: names that it keeps to itself instead of asking the network."""
    resolution = {
        "component": "sqlite",
        "version": "v1",
        "configuration": {"connectionString": ":memory:"},
    }
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": "openfunction"},
        "spec": {"nameResolution": resolution, "metric": {"enabled": False}},
    }
