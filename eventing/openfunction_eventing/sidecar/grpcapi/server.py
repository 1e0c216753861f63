"""The gRPC server: its ports, its token, its life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest
from typing import Any

from functions_framework.dapr.stubs import api, grpc
from openfunction_eventing.sidecar.grpcapi.service import Service
from openfunction_eventing.sidecar.grpcapi.streams import Streams
from openfunction_eventing.sidecar.sidecar import Sidecar

_TOKEN = "dapr-api-token"  # noqa: S105  # a header's name
_Details = Any  # grpc.HandlerCallDetails; the package has no types
_Handler = Any  # grpc.RpcMethodHandler


class GrpcServer:
    """One sidecar's API over gRPC."""

    def __init__(self, sidecar: Sidecar) -> None:
        most = max(sidecar.settings.max_body, 1 << 20)
        options = [
            ("grpc.max_receive_message_length", most), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0),
        ]  # fmt: skip
        token = sidecar.settings.token
        self._streams = Streams(sidecar)
        self._server = grpc.aio.server(options=options, interceptors=[_Guard(token)] if token else [])
        api.add_DaprServicer_to_server(Service(sidecar, self._streams), self._server)

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Listen on every address; gives the port, a free one for 0. Raises OSError."""
        for address in addresses:
            named = f"[{address}]" if ":" in address else address
            try:
                port = self._server.add_insecure_port(f"{named}:{port}")
            except RuntimeError as error:
                raise OSError(f"gRPC cannot listen at {named}:{port}: {error}") from error
        await self._server.start()
        return port

    async def stop(self, grace: float) -> None:
        """End the streams, then what is under way, then the server."""
        await self._streams.stop()
        await self._server.stop(grace)


class _Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # the package has no types
    """Keeps out who does not show the token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def intercept_service(
        self, continuation: Callable[[_Details], Awaitable[_Handler]], handler_call_details: _Details
    ) -> _Handler:
        """The handler of a call, or one that refuses."""
        handler = await continuation(handler_call_details)
        shown = dict(handler_call_details.invocation_metadata).get(_TOKEN, "")
        if handler is None or compare_digest(str(shown).encode(), self._token):
            return handler
        return _refusing(handler)


def _refusing(handler: _Handler) -> _Handler:
    async def refuse(request: object, context: Any) -> None:  # Any: grpc.aio.ServicerContext
        del request
        sentence = "authentication error: api token mismatch"
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, sentence)

    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make = kinds[handler.request_streaming, handler.response_streaming]
    return make(refuse, handler.request_deserializer, handler.response_serializer)
