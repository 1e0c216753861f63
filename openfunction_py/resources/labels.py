"""Labels, annotations and names that tie generated objects to a Function.

Words only.
"""

from __future__ import annotations

FUNCTION = "openfunction.io/function"
BUILDER = "openfunction.io/builder"
SERVING = "openfunction.io/serving"
MANAGED = "openfunction.io/managed"
VERSION = "app.kubernetes.io/version"

PLUGINS = "plugins"
PLUGINS_TRACING = "plugins.tracing"
# Host names that a user chose, with commas between; the gateway reads them from the Route.
HOSTNAMES = "openfunction.io/hostnames"
WASM = "module.wasm.image/variant"
# What of a Function's annotations decides how it runs; the rest is for tools and people.
MEANT = (PLUGINS, PLUGINS_TRACING, WASM)


def of_function(name: str) -> dict[str, str]:
    """Labels of everything made for a Function."""
    return {FUNCTION: name, MANAGED: "true"}


def knative_service(function: str) -> str:
    """Name of a Function's Knative Service; the plain name belongs to its address."""
    return f"{function}-ksvc"
