"""Which tracer a function has: by FUNC_CONTEXT, else by the environment; each loads only when it is chosen.

It makes no span; opentelemetry.py and skywalking.py do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from functions_framework import exits
from functions_framework.calls.around import Observer

if TYPE_CHECKING:
    from functions_framework.context.document import Context, Tracing

PROVIDERS = ("opentelemetry", "skywalking")
_OTEL = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SKYWALKING = "SW_AGENT_COLLECTOR_BACKEND_SERVICES"


class Tracer(Observer, Protocol):
    """An observer that exports spans."""

    def start(self) -> None:
        """Begin to export, in the process that serves."""

    def stop(self) -> None:
        """Send what is left; waits a few seconds at most."""


def tracer(context: Context | None, environ: Mapping[str, str], *, name: str) -> Tracer | None:
    """The tracer of a function, None when nothing asks for one.

    Args:
        context: FUNC_CONTEXT; its `tracing` decides where it is given, also that there is none.
        environ: OTEL_* and SW_AGENT_* otherwise.
        name: the service's name where neither says it.

    Raises:
        StartError: InvalidContext for a provider that is not known or lacks its address, OptionalMissing for an
            extra that is not installed.
    """
    wanted = None if context is None else context.tracing
    if wanted is not None and not wanted.enabled:
        return None
    provider = _by_environment(environ) if wanted is None else _by_context(wanted)
    service = (context.name if context is not None else "") or name
    if provider == "skywalking":
        from functions_framework.tracing import skywalking  # noqa: PLC0415  # loaded when chosen

        return skywalking.make(wanted, environ, name=service)
    if provider == "opentelemetry":
        from functions_framework.tracing import opentelemetry  # noqa: PLC0415  # an extra

        return opentelemetry.make(wanted, environ, name=service)
    return None


def _by_environment(environ: Mapping[str, str]) -> str:
    if (
        environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environ.get("OTEL_TRACES_EXPORTER") == "none"
    ):
        return ""
    if any(environ.get(name) for name in _OTEL) or environ.get("OTEL_TRACES_EXPORTER"):
        return "opentelemetry"
    return "skywalking" if environ.get(_SKYWALKING) else ""


def _by_context(wanted: Tracing) -> str:
    name = wanted.provider.name.lower()
    if not name:
        name = "skywalking" if wanted.provider.oap_server else "opentelemetry"
    if name not in PROVIDERS:
        raise exits.StartError(
            "InvalidContext",
            f"the tracing provider {wanted.provider.name!r} is not known; use {' or '.join(PROVIDERS)}",
        )
    return name
