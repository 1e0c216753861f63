"""The client of a sidecar over gRPC, for what gRPC says better: messages, whose bytes it takes as they are.

Every other question goes over HTTP, which says it as well. The extra `dapr` brings the stubs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from functions_framework.dapr.client import Client
from functions_framework.dapr.errors import DaprError, SidecarUnavailable
from functions_framework.dapr.port import Ask, Reply, T
from functions_framework.dapr.settings import Sidecar
from functions_framework.dapr.spelling import payload
from functions_framework.dapr.stubs import api, api_service, grpc

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_MESSAGES = frozenset({"publish", "invoke binding"})
_Message = Any  # of Dapr's stubs, which are made at import
_Rpc = Any  # a call of grpc, whose stubs are untyped


class GrpcClient:
    """Implements port.Port; one channel, for threads and loops alike."""

    def __init__(self, sidecar: Sidecar, http: Client, *, lost: Callable[[str], None] | None = None) -> None:
        """Make a client; the channel connects at the first message. `lost` as for client.Client."""
        self._sidecar = sidecar
        self._http = http
        self._told = lost
        self._lock = threading.Lock()
        self._channel: Any = None
        self._stub: Any = None

    def call(self, ask: Ask[T]) -> T:
        """Ask and wait; raises SidecarUnavailable or DaprError."""
        if ask.operation not in _MESSAGES:
            return self._http.call(ask)
        rpc = self._begin(ask)
        try:
            return ask.read(_reply(rpc.result()))
        except grpc.RpcError as error:
            raise self._refused(ask, error) from error

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""
        if ask.operation not in _MESSAGES:
            return await self._http.acall(ask)
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        rpc = self._begin(ask)
        rpc.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()
            return ask.read(_reply(rpc.result()))
        except grpc.RpcError as error:
            raise self._refused(ask, error) from error
        finally:
            rpc.cancel()

    def close(self) -> None:
        """Close the channel."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel = self._stub = None

    def _begin(self, ask: Ask[Any]) -> _Rpc:
        with self._lock:
            if self._stub is None:
                self._channel = grpc.insecure_channel(self._sidecar.grpc_target, options=_OPTIONS)
                self._stub = api_service.DaprStub(self._channel)
            stub = self._stub
        metadata = [(name.lower(), value) for name, value in ask.facts["headers"].items()]
        if self._sidecar.token:
            metadata.append(("dapr-api-token", self._sidecar.token))
        method, message = (
            (stub.PublishEvent, _published) if ask.operation == "publish" else (stub.InvokeBinding, _bound)
        )
        # A channel that has no connection yet waits for one; a message that was sent is never sent twice.
        return method.future(
            message(ask),
            timeout=self._sidecar.patience + self._sidecar.timeout,
            metadata=metadata,
            wait_for_ready=True,
        )

    def _refused(self, ask: Ask[Any], error: _Rpc) -> DaprError:
        code, answer = error.code(), error.details() or ""
        if code in {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.CANCELLED,
        }:
            reason = f"the sidecar at {self._sidecar.grpc_target} does not answer: {answer}"
            if self._told is not None:
                self._told(reason)
            return SidecarUnavailable(ask.operation, ask.component, answer=reason)
        return DaprError(
            ask.operation, ask.component, status=_STATUS.get(code, 500), code=code.name, answer=answer
        )


_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}


def _published(ask: Ask[Any]) -> _Message:
    facts = ask.facts
    return api.PublishEventRequest(
        pubsub_name=facts["pubsub"], topic=facts["topic"], data=facts["body"],
        data_content_type=facts["content_type"], metadata=facts["metadata"],
    )  # fmt: skip


def _bound(ask: Ask[Any]) -> _Message:
    facts = ask.facts
    return api.InvokeBindingRequest(
        name=facts["binding"],
        operation=facts["operation"],
        data=payload(facts["data"])[0],
        metadata=facts["metadata"],
    )


def _reply(answer: _Message) -> Reply:
    """The answer as HTTP would have given it; a publication's is empty."""
    if not isinstance(answer, api.InvokeBindingResponse):
        return Reply(204)
    return Reply(200, {f"metadata.{name}": value for name, value in answer.metadata.items()}, answer.data)
