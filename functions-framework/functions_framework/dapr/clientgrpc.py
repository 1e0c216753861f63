"""The client of a sidecar over gRPC, for what gRPC says better: messages, whose bytes it takes as they are.

Every other question goes over HTTP, which says it as well. The extra `dapr` brings the stubs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from functions_framework.dapr import patience
from functions_framework.dapr.client import Client
from functions_framework.dapr.errors import DaprError, SidecarUnavailable
from functions_framework.dapr.port import Ask, Reply, T
from functions_framework.dapr.settings import Sidecar
from functions_framework.dapr.spelling import payload
from functions_framework.dapr.stubs import api, grpc

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
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
        self._closed = threading.Event()
        self._channel: Any = None
        self._stub: Any = None

    def call(self, ask: Ask[T]) -> T:
        """Ask and wait; raises SidecarUnavailable or DaprError."""
        if ask.operation not in _MESSAGES:
            return self._http.call(ask)
        for wait in patience.waits(self._sidecar.patience):
            try:
                return ask.read(_reply(self._begin(ask).result()))
            except grpc.RpcError as error:
                self._give_up(ask, error, wait)
            self._closed.wait(wait)
        raise self._unavailable(ask, "the client is closed")

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""
        if ask.operation not in _MESSAGES:
            return await self._http.acall(ask)
        for wait in patience.waits(self._sidecar.patience):
            try:
                return ask.read(_reply(await self._awaited(ask)))
            except grpc.RpcError as error:
                self._give_up(ask, error, wait)
            await asyncio.sleep(wait)
        raise self._unavailable(ask, "the client is closed")

    async def _awaited(self, ask: Ask[Any]) -> _Message:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        rpc = self._begin(ask)
        rpc.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()
        finally:
            rpc.cancel()
        return rpc.result()

    def close(self) -> None:
        """Close the channel."""
        self._closed.set()
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel = self._stub = None

    def _begin(self, ask: Ask[Any]) -> _Rpc:
        with self._lock:
            if self._stub is None:
                self._channel = grpc.insecure_channel(self._sidecar.grpc_target, options=_OPTIONS)
                self._stub = api.DaprStub(self._channel)
            stub = self._stub
        metadata = [(name.lower(), value) for name, value in ask.facts["headers"].items()]
        if self._sidecar.token:
            metadata.append(("dapr-api-token", self._sidecar.token))
        method, message = (
            (stub.PublishEvent, _published) if ask.operation == "publish" else (stub.InvokeBinding, _bound)
        )
        return method.future(message(ask), timeout=self._sidecar.timeout, metadata=metadata)

    def _give_up(self, ask: Ask[Any], error: _Rpc, wait: float) -> None:
        """Return when it is worth another attempt, because the message never left; raise otherwise."""
        if wait and error.code() is grpc.StatusCode.UNAVAILABLE and "connect" in (error.details() or ""):
            return
        raise self._refused(ask, error) from error

    def _unavailable(self, ask: Ask[Any], reason: str) -> SidecarUnavailable:
        return SidecarUnavailable(ask.operation, ask.component, answer=reason)

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
            return self._unavailable(ask, reason)
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
