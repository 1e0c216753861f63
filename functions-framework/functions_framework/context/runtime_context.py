"""What one process knows of its platform: the context, where it runs, and the one client of its sidecar.

It opens nothing before it is asked to, so it may be made before a fork.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from functions_framework import exits
from functions_framework.context.document import Context, Input, Output, State
from functions_framework.dapr import batch, client, health, settings
from functions_framework.dapr.port import Port
from functions_framework.dapr.surface import Dapr

_log = logging.getLogger("functions_framework")


class RuntimeContext:
    """One per process."""

    def __init__(
        self,
        context: Context | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        port: Port | None = None,
    ) -> None:
        """Make it.

        Args:
            context: what the platform says of the function.
            environ: where the sidecar and the pod are looked up, when first needed; None: the process's.
            port: who answers instead of a sidecar; None: a sidecar in memory when TEST_MODE is `on`, else the real one.
        """
        self.context: Context = context or Context()
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self._given = port or _in_test_mode(self.environ)
        self._opened: list[Callable[[], None]] = []
        self._lock = threading.RLock()

    # what the platform says

    @property
    def name(self) -> str:
        """The function's name."""
        return self.context.name

    @property
    def mode(self) -> str:
        """`kubernetes`, or `self-host` where no Pod is around the function (CONTEXT_MODE)."""
        return self.environ.get("CONTEXT_MODE") or "kubernetes"

    @property
    def pod_name(self) -> str:
        """The Pod's name; empty outside of one."""
        return self.environ.get("POD_NAME", "")

    @property
    def namespace(self) -> str:
        """The Pod's namespace; `default` outside of one."""
        return self.environ.get("POD_NAMESPACE") or "default"

    @property
    def inputs(self) -> Mapping[str, Input]:
        """What triggers the function through Dapr."""
        return self.context.inputs

    @property
    def outputs(self) -> Mapping[str, Output]:
        """Where it may send to."""
        return self.context.outputs

    @property
    def states(self) -> Mapping[str, State]:
        """Its state stores."""
        return self.context.states

    def has_http_trigger(self) -> bool:
        """Callers reach it over HTTP."""
        return self.context.http

    def get_dapr_triggers(self) -> list[Input]:
        """The inputs, in order."""
        return list(self.context.inputs.values())

    def get_outputs(self) -> Mapping[str, Output]:
        """The outputs by name."""
        return self.context.outputs

    # the sidecar

    @cached_property
    def sidecar(self) -> settings.Sidecar:
        """Where the sidecar is; raises StartError InvalidSetting."""
        return settings.from_environ(self.environ)

    @property
    def port(self) -> Port:
        """The client of the sidecar, made when first asked for."""
        made: Port | None = vars(self).get("_client")  # once it is there nobody waits for the others
        if made is not None:
            return made
        with self._lock:
            return self._client

    @cached_property
    def _client(self) -> Port:
        if self._given is not None:
            return self._given
        made = client.Client(self.sidecar, lost=self._lost)
        self._opened.append(made.close)
        if self.sidecar.app_protocol == "grpc":
            return self._over_grpc(made)
        if self.sidecar.socket:
            batches = batch.BatchClient(self.sidecar, made, lost=self._lost)
            self._opened.append(batches.close)
            return batches
        return made

    def _over_grpc(self, http: client.Client) -> Port:
        """The gRPC client, which takes any bytes, where its extra is installed."""
        try:
            from functions_framework.dapr import clientgrpc  # noqa: PLC0415  # an extra
        except ImportError:
            _log.warning("The extra `dapr` is not installed: the sidecar is asked over HTTP alone")
            return http
        made = clientgrpc.GrpcClient(self.sidecar, http, lost=self._lost)
        self._opened.append(made.close)
        return made

    @cached_property
    def dapr(self) -> Dapr:
        """Everything that the sidecar can be asked."""
        return Dapr(self.port)

    @cached_property
    def watch(self) -> health.Watch:
        """Whether the sidecar is there."""
        return health.Watch(self.port, self.sidecar)

    @property
    def has_sidecar(self) -> bool:
        """False where somebody else answers in its place, as in a test."""
        return self._given is None

    async def start(self) -> None:
        """Begin to watch the sidecar, and to publish for threads; for a start hook, on the loop."""
        if isinstance(self.port, batch.BatchClient):
            self.port.serve_threads()
        self.watch.start()

    async def stop(self) -> None:
        """Stop watching; for a stop hook."""
        self.watch.stop()

    def reason(self) -> str:
        """Why the sidecar cannot be used; empty when it can."""
        return self.watch.reason

    def _lost(self, cause: str) -> None:
        self.watch.lost(cause)

    @property
    def dapr_client(self) -> Any:  # Any: of a package that need not be installed
        """Dapr's own client, one per process, made when first asked for.

        Raises:
            StartError: OptionalMissing without the extra `dapr`.
        """
        with self._lock:
            return self._sdk

    @cached_property
    def _sdk(self) -> Any:
        try:
            from dapr.clients import DaprClient  # noqa: PLC0415  # an extra, and slow to import
        except ImportError as error:
            raise exits.StartError(
                "OptionalMissing",
                "context.dapr_client needs Dapr's SDK; "
                "add openfunction-functions-framework[dapr] to requirements.txt",
            ) from error
        made = DaprClient(f"{self.sidecar.host}:{self.sidecar.grpc_port}")
        self._opened.append(made.close)
        return made

    async def aclose(self) -> None:
        """Close what was opened; for a stop hook, on the loop whose connections are closed."""
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            while self._opened:
                self._opened.pop()()


def _in_test_mode(environ: Mapping[str, str]) -> Port | None:
    """A sidecar in memory, where TEST_MODE says that there is no other."""
    if environ.get("TEST_MODE", "").lower() != "on":
        return None
    from functions_framework.dapr import fake  # noqa: PLC0415  # for tests alone

    return fake.Dapr()
